"""One, two and three processes come to the same bits: training, both kinds of surgery, sampling, judging."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tiny_diffusion
import tiny_world
from gsu_cli import gradients
from gsu_cli.curvature import blocks, fisher
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.evaluation.samples import generate_samples, reconstructions
from gsu_cli.judges.knn import KnnJudge
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.gradient_surgery import GradientSurgery
from gsu_cli.surgery import ranks as ranks_module
from gsu_cli.surgery.ranks import Group, ranks
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.contract import Method
from gsu_cli.unlearning.unlearn import unlearn
from ranks_world import in_ranks

FRESH = {"vae": tiny_world.fresh, "ddpm": tiny_diffusion.fresh}
TRAINED = {"vae": tiny_world.trained, "ddpm": tiny_diffusion.trained}
ONE_PROCESS = 1e-6  # how far, relative to their length, the weights of a shared training may lie from one process's


def digest(tensors: Mapping[str, Tensor]) -> str:
    h = hashlib.sha256()
    for name, x in sorted(tensors.items()):
        h.update(name.encode() + x.detach().contiguous().numpy().tobytes())
    return h.hexdigest()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny world has few images: so many blocks that each of three processes has several."""
    for function in (gradients.image_losses, gradients.mean_gradient, gradients.hessian_vector, fisher.kronecker_fisher,
                     blocks.site_blocks):  # fmt: skip
        monkeypatch.setitem(function.__kwdefaults__, "block", 64)
    monkeypatch.setattr(blocks, "VALUES", 24 * 64)  # several parts in a block


def everywhere(work: Callable[[], Any], folder: Path, numbers: Sequence[int] = (3,)) -> Any:
    """What the work gives in one process alone, having seen that it is the same in so many."""
    alone = work()
    for n in numbers:
        assert in_ranks(n, work, folder) == [alone] * n
    return alone


@pytest.mark.parametrize("family", ["vae", pytest.param("ddpm", marks=pytest.mark.slow)])
def test_training(family: str, tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, batch_size=130, lr=1e-3, ema=0.5)

    def work() -> tuple[str, list[float], list[float]]:
        model = FRESH[family]()
        history = fit(model, tiny_world.dataset().train[torch.arange(300)], recipe, seed=0)
        return digest(model.state_dict()), history.losses, [w for p in model.parameters() for w in p.flatten().tolist()]

    own, own_losses, own_weights = work()  # first: what torch imports late, the processes then have
    found = [in_ranks(n, work, tmp_path) for n in (1, 2, 3)]
    sha, losses, weights = found[0][0]
    assert [one[0] for several in found for one in several] == [sha] * 6
    assert own != sha  # pieces are not the batch, and a test that cannot tell them apart tells nothing
    assert losses == pytest.approx(own_losses, rel=1e-6)
    assert math.dist(weights, own_weights) < ONE_PROCESS * math.hypot(*own_weights)


@pytest.mark.parametrize(
    ("family", "numbers"), [("vae", [3]), *(pytest.param(f, [1, 2, 3], marks=pytest.mark.slow) for f in TRAINED)]
)
@pytest.mark.parametrize("method", [GradientSurgery(prediction_images=150), FisherSurgery()], ids=lambda m: m.name)
@pytest.mark.usefixtures("small_blocks")
def test_surgery(family: str, numbers: list[int], method: Method, tmp_path: Path) -> None:
    def work() -> tuple[str, str]:
        model, update = unlearn(
            TRAINED[family](), tiny_world.split(), method, generator=torch.Generator().manual_seed(0)
        )
        return digest(model.state_dict()), repr(update)

    everywhere(work, tmp_path, numbers)


@pytest.mark.usefixtures("small_blocks")
def test_statistics_samples_and_judges(tmp_path: Path) -> None:
    images, vae, ddpm = tiny_world.dataset().train, tiny_world.fresh(), tiny_diffusion.fresh()

    def work() -> dict[str, str]:
        corrected = fisher.kronecker_fisher(vae, images, seed=0, ekfac=True)
        drawn = generate_samples(vae, 300, 0, chunk=70)
        verdict = KnnJudge(images)(drawn.repeat(4, 1, 1, 1))
        return {
            "fisher": digest({layer.scope.module: layer.eigenvalues for layer in corrected.layers}),
            "denoiser": repr(fisher.kronecker_fisher(ddpm, images, seed=0).mean_eigenvalue()),
            "diagonal": digest(diagonal_fisher(vae, images, seed=0)),
            "losses": digest({"": gradients.image_losses(ddpm, images, seed=0)}),
            "drawn": digest({"": drawn}),
            "few": digest({"": generate_samples(ddpm, 40, 0)}),
            "back": digest({"": reconstructions(vae, images)}),
            "judged": digest({"labels": verdict.labels, "confidence": verdict.confidence}),
        }

    everywhere(work, tmp_path)


def test_a_rank_that_takes_wrong_blocks_is_seen(tmp_path: Path) -> None:
    class Wrong(Group):
        def in_order(self, blocks: Any, of: Any) -> Any:
            return super().in_order(list(blocks)[:: -1 if self.index else 1], of)

    images, model = tiny_world.dataset().train[torch.arange(200)], tiny_world.fresh()

    def work() -> str:
        return digest({"": gradients.image_losses(model, images, seed=0, block=50)})

    assert in_ranks(2, work, tmp_path) == [work()] * 2
    wrong = in_ranks(2, work, tmp_path, Wrong)
    assert len(set(wrong)) == 1  # all were told the same
    assert work() not in wrong


def test_an_error_of_one_is_raised_by_all(tmp_path: Path) -> None:
    def blocks() -> list[Any]:
        bad = torch.tensor([1.0, float("nan"), 1.0])
        return [lambda p: p["w"] * torch.ones(3), lambda p: p["w"] * torch.ones(2), lambda p: p["w"] * bad]

    def gradient() -> str:
        with pytest.raises(NonFiniteError) as found:
            accumulate_gradient(blocks(), {"w": torch.tensor(2.0)})
        return str(found.value)

    assert everywhere(gradient, tmp_path) == "losses must be finite; found nan at image 6."

    def share() -> str:
        def of(b: int, _: object) -> dict[str, Tensor]:
            if b == 1:
                raise KeyError("the second")
            return {"": torch.ones(1)}

        with pytest.raises(KeyError) as found:
            list(ranks().in_order("abcd", of))
        return str(found.value)

    everywhere(share, tmp_path)


def test_results_that_differ_are_refused(tmp_path: Path) -> None:
    def work() -> None:
        ranks().agree({"weights": ranks().index})

    said = in_ranks(2, work, tmp_path)
    assert all(one.startswith("ProcessError: all processes must come to the same results") for one in said)
    assert in_ranks(2, lambda: ranks().agree({"weights": 1.0}), tmp_path) == [None, None]


def test_layers_that_look_at_whole_batches_are_refused(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    ranks_module.ranks().check_trainable(model)
    (said,) = in_ranks(1, lambda: ranks().check_trainable(model), tmp_path)
    assert said.startswith("UsageError: a model that several processes train must have no BatchNorm")
    assert "found 1." in said


def test_dropout_is_the_same_for_every_number(tmp_path: Path) -> None:
    def work() -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 4, bias=False))
        unused = nn.Parameter(torch.zeros(2))
        rng = torch.Generator().manual_seed(0)
        x = torch.rand(100, 4, generator=rng)
        parameters = [*model.parameters(), unused]
        values = [ranks().backward(lambda r: model(x[r]).square().sum(1), 100, parameters, rng) for _ in range(2)]
        assert unused.grad is None
        return [*values, *parameters[0].grad.flatten().tolist()]  # type: ignore[union-attr]

    found = [in_ranks(n, work, tmp_path) for n in (1, 2, 3)]
    assert {tuple(one) for several in found for one in several} == {tuple(found[0][0])}
    assert found[0][0][0] != found[0][0][1]  # masks differ from step to step


def test_noise_that_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    def work(draw: Callable[[int, torch.Generator], Tensor]) -> str:
        rng = torch.Generator().manual_seed(0)
        w = nn.Parameter(torch.ones(()))
        with pytest.raises(UsageError) as found:
            ranks().backward(lambda r: w * draw(r.stop - r.start, rng), 40, [w], rng)
        return str(found.value)

    for draw_ in (lambda n, g: torch.bernoulli(torch.full((n,), 0.5), generator=g),
                  lambda n, g: torch.randperm(n, generator=g).float()):  # fmt: skip
        (said,) = in_ranks(1, lambda draw_=draw_: work(draw_), tmp_path)  # type: ignore[misc]
        assert "must sample noise that can be sampled for all images at once; found torch." in said
