"""The percentile of forgotten images among unseen ones: known by heart, never seen, blown up, and not asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.metrics.percentile import UnseenPercentile
from gsu_cli.run.record import Measurement
from memory_world import Memory, models, noise_split

NOTHING = torch.zeros(0, 1, 8, 8, dtype=torch.uint8)


def found(model: object, context: EvaluationContext) -> list[Measurement]:
    return UnseenPercentile()(EvaluatedModel("original", NOTHING, model, "sha"), context)


def test_known_by_heart_and_never_seen() -> None:
    context = EvaluationContext(noise_split(), {}, {}, seed=0)
    (known,), (unseen,) = found(models()[0], context), found(models()[1], context)
    assert known.value == 0
    assert (known.n, known.sha256, known.unit) == (30, "sha", "%")
    assert known.reason is None
    assert unseen.low is not None
    assert unseen.high is not None
    assert unseen.low < 50 < unseen.high


def test_of_one_image_the_interval_is_over_unseen_ones() -> None:
    split = tiny_world.split_of(sample=[3])
    (m,) = found(tiny_world.trained(), EvaluationContext(split, {}, {}, seed=0))
    assert m.value is not None
    assert m.low is not None
    assert m.high is not None
    assert m.n == 1
    assert 0 <= m.low < m.value < m.high <= 100
    assert m.high - m.low < 20, "150 of them"


def test_a_broken_model_is_a_null_and_a_class_is_not_asked() -> None:
    context = EvaluationContext(noise_split(), {}, {}, seed=0)
    broken = Memory(torch.full((3, 1, 8, 8), float("nan")))
    (m,) = found(broken, context)
    assert m.value is None
    assert "finite" in str(m.reason)
    assert found(tiny_world.trained(), EvaluationContext(tiny_world.split(), {}, {}, seed=0)) == []
    assert found(object(), context) == []
    part = EvaluationContext(tiny_world.split_of(class_=1, fraction=0.1), {}, {}, seed=0)
    (m,) = found(tiny_world.trained(), part)
    assert m.value == pytest.approx(50, abs=35)


def test_held_out_images_that_may_have_been_trained_on_are_no_unseen_ones() -> None:
    """Weights made of other data: no number, and the reason. Canaries that were never planted are unseen anyway."""
    split = replace(noise_split(), trained_elsewhere="needs images that the original was not trained on")
    (m,) = found(models()[0], EvaluationContext(split, {}, {}, seed=0))
    assert (m.value, m.reason) == (None, split.trained_elsewhere)
    assert replace(split, by_canary=True).lacks_unseen == ""


def test_a_held_out_copy_of_a_training_image_is_not_unseen() -> None:
    """Half of the held-out images are the forgotten ones again: known by heart, these stood at 25, not at 0."""
    split = noise_split()
    data, some = split.dataset, split.different
    heldout = Images(torch.cat([data.heldout.pixels, data.train.pixels[some]]),
                     torch.cat([data.heldout.labels, data.train.labels[some]]))  # fmt: skip
    every = torch.arange(len(heldout))
    again = replace(split, dataset=replace(data, heldout=heldout), heldout_forget=every[:0], heldout_retain=every)
    (m,) = found(models()[0], EvaluationContext(again, {}, {}, seed=0))
    assert m.value == 0
