"""Judges and models are asked once about what recurs in other runs; the answers are the same to the last bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import attribute_world
import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.evaluation import cached
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.gradients import image_losses
from gsu_cli.judges.base import AttributeVerdict, Verdict
from gsu_cli.judges.cnn import CnnJudge
from gsu_cli.judges.knn import Knn, KnnJudge
from gsu_cli.metrics.frechet_distance import FrechetDistance
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.run.measured_cache import cache_in

PIXELS = tiny_world.dataset().heldout.pixels


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[Callable[[], Any]], tuple[int, Any]]:
    """Runs something, and says how much of it was read from the files of earlier ones."""

    def run(work: Callable[[], Any]) -> tuple[int, Any]:
        with cache_in(tmp_path / "measured") as shelf:
            found = work()
        return shelf.read, found

    return run


def parts(said: Any) -> list[torch.Tensor]:
    tensors = [value for value in vars(said).values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == 3
    return tensors


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and all(torch.equal(x, y) for x, y in zip(parts(a), parts(b), strict=True))


@pytest.mark.parametrize("of", ["cnn", "knn"])
def test_a_verdict_is_read_where_images_recur_and_found_anew_where_a_method_made_them(of, cnn, knn, asked):
    judge = {"cnn": cnn, "knn": knn}[of]
    plain = EvaluatedModel("data", PIXELS).verdict(judge)
    for name, expected in (("data", 0), ("original", 1), ("retrained", 1), ("unlearned", 0)):
        read, said = asked(lambda name=name: EvaluatedModel(name, PIXELS).verdict(judge))
        assert (read, same(said, plain)) == (expected, True), name
    assert asked(lambda: EvaluatedModel("data", PIXELS[:7]).verdict(judge))[0] == 0, "other images"


def test_a_verdict_on_attributes_is_read_with_its_names(asked):
    judge, pixels = attribute_world.knn(), attribute_world.dataset().heldout.pixels
    asked(lambda: cached.verdict(judge, pixels, recur=True))
    read, said = asked(lambda: cached.verdict(judge, pixels, recur=True))
    assert read == 1
    assert isinstance(said, AttributeVerdict)
    assert (said.names, same(said, judge(pixels))) == (attribute_world.NAMES, True)


def test_another_judge_is_asked_anew(cnn, knn, asked):
    asked(lambda: cached.verdict(knn, PIXELS, recur=True))
    asked(lambda: cached.features(cnn, PIXELS, recur=True))
    data = tiny_world.dataset()
    for other in (Knn(k=3, references=200), Knn(references=199)):
        assert asked(lambda other=other: cached.verdict(other.prepare(data, seed=0), PIXELS, recur=True))[0] == 0
    assert asked(lambda: cached.verdict(Knn(references=200).prepare(data, seed=1), PIXELS, recur=True))[0] == 0
    moved = copy.deepcopy(cnn.model)
    with torch.no_grad():
        next(moved.parameters()).view(-1)[0] += 1e-6
    of_moved = CnnJudge(Checkpoint(moved, cnn.checkpoint.path, cnn.checkpoint.sha256))
    assert asked(lambda: cached.features(of_moved, PIXELS, recur=True))[0] == 0, (
        "weights count, not what a file is called"
    )
    assert asked(lambda: cached.features(cnn, PIXELS, recur=True))[0] == 1


def test_a_judge_of_other_code_is_asked_each_time(asked):
    class Own(KnnJudge):
        def __call__(self, pixels: torch.Tensor) -> Verdict:
            return super().__call__(255 - pixels)

    judge = Own(tiny_world.dataset().train, 5)
    assert [asked(lambda: cached.verdict(judge, PIXELS, recur=True))[0] for _ in range(2)] == [0, 0]


def test_losses_are_read_for_the_same_weights_images_and_noise_alone(asked):
    model, images = tiny_world.trained(), tiny_world.dataset().heldout
    moved = tiny_world.trained()
    with torch.no_grad():
        next(moved.parameters()).view(-1)[0] += 1e-6
    others = Images(images.pixels, images.labels.roll(1))
    asked(lambda: cached.losses(model, images, seed=3, recur=True))
    for case, (m, x, seed), expected in (
        ("the same", (tiny_world.trained(), images, 3), 1),
        ("noise", (model, images, 4), 0),
        ("weights", (moved, images, 3), 0),
        ("labels", (model, others, 3), 0),
    ):
        read, found = asked(lambda m=m, x=x, seed=seed: cached.losses(m, x, seed=seed, recur=True))
        assert (read, torch.equal(found, image_losses(m, x, seed=seed))) == (expected, True), case

    class Own(MlpVae):
        pass

    own = Own(**model.config())
    assert [asked(lambda: cached.losses(own, images, seed=3, recur=True))[0] for _ in range(2)] == [0, 0]


def test_a_frechet_distance_and_its_interval_are_the_same_read_or_worked_out(context, subject, asked):
    def measured() -> Any:
        fresh = EvaluatedModel(subject.name, subject.pixels, subject.model, subject.sha256)
        context.cache.clear()
        return FrechetDistance(references=100, resamples=5)(fresh, context)

    plain = measured()
    assert asked(measured) == (0, plain)
    assert asked(measured) == (3, plain), "features of both, and the resamples"
