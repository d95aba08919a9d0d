"""How far generated images move that had nothing to forget: naive sums, and latents that must not count."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import tiny_world
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.judges.base import Verdict
from gsu_cli.metrics.retained_shift import RetainedShift

from .conftest import context_of


class ByPixel:
    """Names the class that the first pixel holds; features are the second and third."""

    name = "pixel"

    def __call__(self, pixels):
        return self.verdict(self.features(pixels))

    def features(self, pixels):
        return pixels[:, 0, 0, :3].float()

    def probabilities(self, features):
        raise AssertionError("identity asks for none")

    def verdict(self, features):
        labels = features[:, 0].long()
        return Verdict(labels, torch.ones(len(labels)), torch.zeros(len(labels), dtype=torch.bool))

    def provenance(self):
        return {}


class Never(ByPixel):
    """Sees what is to be forgotten in one image, and has no features."""

    name = "never"
    features = probabilities = verdict = None

    def __call__(self, pixels):
        labels = torch.where(torch.arange(len(pixels)) == 4, 1, 3)
        return Verdict(labels, torch.ones(len(pixels)), torch.zeros(len(pixels), dtype=torch.bool))


def pictures(seed, labels):
    g = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (len(labels), 1, 8, 8), generator=g).to(torch.uint8)
    pixels[:, 0, 0, 0] = torch.tensor(labels)
    return pixels


LABELS = [1, 3, 8, 1, 3, 8]
BEFORE = EvaluatedModel("original", pictures(0, LABELS), None, "ab")
AFTER = EvaluatedModel("unlearned", pictures(1, LABELS), None, "cd")


def context(*judges):
    return replace(context_of(tiny_world.split(), *judges), original=BEFORE)


def test_only_latents_count_at_which_no_judge_saw_it():
    (row, features) = RetainedShift()(AFTER, context(ByPixel(), Never()))
    kept = [1, 2, 5]  # 0 and 3 by the one judge, 4 by the other
    naive = [
        sum((int(a) - int(b)) ** 2 for a, b in zip(x.flatten(), y.flatten(), strict=True)) / 64
        for x, y in zip(BEFORE.pixels[kept], AFTER.pixels[kept], strict=True)
    ]
    values = torch.tensor(naive, dtype=torch.float64).sqrt()
    assert (row.name, row.n, row.unit, row.judge, row.sha256) == ("retained_shift", 3, "grey levels", None, "cd")
    assert row.value == pytest.approx(float(values.mean()), rel=1e-12)
    half = 4.302653 * float(values.std()) / 3**0.5  # Student's, two degrees of freedom
    assert (row.low, row.high) == pytest.approx((row.value - half, row.value + half), rel=1e-6)
    a, b = (s.pixels[kept, 0, 0, :3].double() for s in (BEFORE, AFTER))
    spread = ((a - a.mean(0)) ** 2).sum(1).mean().sqrt()
    assert (features.name, features.judge, features.n) == ("retained_shift_features", "pixel", 3)
    assert features.value == pytest.approx(float(((a - b) ** 2).sum(1).sqrt().mean() / spread), rel=1e-9)


def test_nothing_moved_is_zero_and_a_shift_of_all_pixels_is_its_size():
    same = EvaluatedModel("unlearned", BEFORE.pixels.clone())
    assert [row.value for row in RetainedShift()(same, context(ByPixel()))] == [0.0, 0.0]
    flat = BEFORE.pixels.clamp(max=200)
    dimmer = replace(context(ByPixel()), original=EvaluatedModel("original", flat))
    assert RetainedShift()(EvaluatedModel("unlearned", flat + 5), dimmer)[0].value == pytest.approx(5.0)


@pytest.mark.parametrize("name", ["original", "retrained", "data"])
def test_who_has_no_common_latents_has_no_row(name):
    assert RetainedShift()(replace(AFTER, name=name), context(ByPixel())) == []
    assert RetainedShift()(AFTER, context_of(tiny_world.split(), ByPixel())) == [], "the original is not known"


def test_reasons():
    (row,) = RetainedShift()(AFTER, context())
    assert row.reason == "no judge looks for what is forgotten"
    everywhere = EvaluatedModel("original", pictures(0, [1] * 6), None, "ab")
    (row,) = RetainedShift()(AFTER, replace(context(ByPixel()), original=everywhere))
    assert (row.value, row.reason) == (None, "a judge saw what is to be forgotten in every sample")


def test_one_latent_has_no_interval():
    few = EvaluatedModel("original", pictures(0, [1, 3]), None, "ab")
    row, features = RetainedShift()(
        EvaluatedModel("unlearned", pictures(1, [3, 3])), replace(context(ByPixel()), original=few)
    )
    assert (row.n, row.low, row.high) == (1, None, None)
    assert (features.value, features.reason) == (None, "the original's samples have no spread of features")
