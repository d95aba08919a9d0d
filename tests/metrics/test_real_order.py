"""Held-out images that lie class by class, as in folders: what is measured of a part of them is of all classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.inception import Inception
from gsu_cli.evaluation.real_images import at_most, heldout_images, some
from gsu_cli.metrics import variety
from gsu_cli.metrics.fid import Fid
from gsu_cli.metrics.inception_score import InceptionScore
from gsu_cli.metrics.kid import Kid
from gsu_cli.metrics.nll_bound import NllBound
from gsu_cli.metrics.precision_recall import PrecisionRecall
from gsu_cli.metrics.sample_nll import SampleNll

from .conftest import context_of

N = 150  # of 400 retained held-out images, the first 200 of which are of one class


def by_class() -> Split:
    """Forgets class 1; held-out images lie class by class, and the last class is white with dark bars."""

    def turned(images: Images) -> Images:
        pixels = torch.where((images.labels == 8)[:, None, None, None], 255 - images.pixels, images.pixels)
        return replace(images, pixels=pixels)

    heldout = tiny_world.bars(600, 1)
    whole = replace(tiny_world.dataset(), heldout=heldout[heldout.labels.argsort(stable=True)])
    data = replace(whole, train=turned(whole.train), heldout=turned(whole.heldout))
    split = tiny_world.split()
    return replace(split, dataset=data, heldout_forget=torch.arange(200), heldout_retain=torch.arange(200, 600))


def looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inception, "network", lambda self: None)
    monkeypatch.setattr(Inception, "features", lambda self, pixels: pixels.flatten(1)[:, ::5].float())
    monkeypatch.setattr(variety, "MOST", N)


METRICS: dict[str, Callable[[], Any]] = {
    "variety": variety.Variety,
    "sample_nll_retrained": lambda: SampleNll(images=N),
    "kid": lambda: Kid(features="inception", samples=N, subsets=1, subset_size=N),
    "recall": lambda: PrecisionRecall(samples=N),
    "fid": lambda: Fid(samples=N),
}
"""At most ``N`` real images each."""


def measured(metric: Any, name: str, context: EvaluationContext, pixels: Tensor) -> float:
    context.cache.clear()
    rows = metric(EvaluatedModel("data", pixels), context)
    return float(next(m.value for m in rows if m.name == name))


@pytest.mark.parametrize("name", METRICS)
def test_a_part_of_real_images_is_of_all_their_classes(name: str, cnn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked(monkeypatch)
    context = context_of(by_class(), cnn)
    model = tiny_world.trained()
    context.retrained = EvaluatedModel("retrained", torch.zeros(1, 1, 8, 8, dtype=torch.uint8), model, "ef")
    pixels = heldout_images(context.split)[1].pixels
    metric, rng = METRICS[name](), torch.Generator().manual_seed(0)
    mixed = torch.tensor(
        [measured(metric, name, context, pixels[torch.randperm(400, generator=rng)[:N]]) for _ in range(12)]
    )
    one_class = measured(metric, name, context, pixels[:N])
    found = measured(metric, name, context, pixels)
    off, far = abs(found - mixed.mean()), abs(one_class - mixed.mean())
    assert far > 3 * mixed.std(), "the first would mislead"
    assert off < 2.5 * mixed.std()


@pytest.mark.parametrize("make", [InceptionScore, lambda: Kid("inception", samples=400, subsets=1, subset_size=400)])
def test_parts_of_which_an_interval_is_made_hold_all_classes(
    make: Callable[[], Any], cnn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of one class each score 1, and lie far from the mixture: the interval was of nothing."""
    looked(monkeypatch)
    pixels = heldout_images(by_class())[1].pixels
    mixed = pixels[torch.randperm(400, generator=torch.Generator().manual_seed(3))]
    (lying,), (other,) = (make()(EvaluatedModel("data", x), context_of(by_class(), cnn)) for x in (pixels, mixed))
    assert lying.value == pytest.approx(other.value, rel=1e-6)
    assert 0.4 < (lying.high - lying.low) / (other.high - other.low) < 2.5


def test_the_bound_is_of_held_out_images_of_all_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    split = by_class()
    seen: list[Tensor] = []

    def kept(model: Any, images: Any, **_: Any) -> Tensor:
        seen.append(images.labels)
        return torch.arange(float(len(images)), dtype=torch.float64)

    monkeypatch.setattr("gsu_cli.metrics.nll_bound.bounds", kept)
    model = tiny_world.trained()
    for name in ("original", "unlearned"):
        subject = EvaluatedModel(name, torch.zeros(1, 1, 8, 8, dtype=torch.uint8), model, name)
        NllBound(images=N)(subject, context_of(split))
    retain, forget, *again = seen
    assert sorted(set(retain.tolist())) == [3, 8], "all retained classes"
    assert len(retain) == len(forget) == N
    assert torch.equal(again[0], retain), "the same images for every model"


def test_samples_are_the_first_and_few_real_images_all() -> None:
    pixels = torch.zeros(9, 1, 2, 2, dtype=torch.uint8)
    assert some(4, EvaluatedModel("unlearned", pixels), 0).tolist() == [0, 1, 2, 3]
    assert sorted(some(20, EvaluatedModel("data", pixels), 0).tolist()) == list(range(9))
    assert at_most(5, 1000, 0).tolist() == at_most(9, 1000, 0).tolist()[:5] != at_most(5, 1000, 1).tolist()
