"""Predictions along a step: exact for a quadratic loss, bounded for others."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.step import StepCertificate
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.gradients import mean_loss
from gsu_cli.models.vae.ppca import Ppca
from gsu_cli.run.seeds import derive
from gsu_cli.training.closed_form import fit_exactly
from memory_world import value

OPTIONS: dict[str, Any] = {"retained": 60, "points": 3}


def case(original: Any, unlearned: Any) -> Case:
    split = tiny_world.split()
    models = {"original": Audited("original", original, "a"), "unlearned": Audited("unlearned", unlearned, "b")}
    return Case(split, models, [], EvaluationContext(split, {}, {}, seed=0))


def moved(model: Any, name: str, length: float) -> Any:
    found = copy.deepcopy(model)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        weight = found.get_parameter(name)
        weight.add_(length * torch.randn(weight.shape, generator=rng))
    return found


def test_a_quadratic_loss_leaves_no_remainder_and_the_bound_is_the_loss() -> None:
    """The loss of a linear-Gaussian model is quadratic in its mean."""
    before = Ppca((1, 8, 8), latent_dim=2, sigma=0.2)
    fit_exactly(before, tiny_world.dataset().train)
    found = StepCertificate(**OPTIONS)(case(before.eval(), moved(before, "decoder.0.bias", 0.05)))
    increase = value(found, "step_increase").value
    assert increase is not None
    assert increase > 0
    for name in ("step_second_order", "step_bound"):
        assert value(found, name).value == pytest.approx(increase, rel=1e-3)
    assert value(found, "step_remainder").value == pytest.approx(0, abs=1e-3 * increase)
    assert value(found, "step_first_order").value != pytest.approx(increase, rel=0.1)


def test_the_certified_part_costs_no_more_than_the_budget() -> None:
    before = tiny_world.trained()
    after = moved(before, "decoder.0.weight", 0.5)
    known = case(before, after)
    found = StepCertificate(budget=0.05, retained=60, points=5)(known)
    increase, bound, part = (value(found, f"step_{k}").value for k in ("increase", "bound", "certified"))
    assert increase is not None
    assert bound is not None
    assert part is not None
    assert increase < bound
    assert 0 < part < 1
    images, seed = known.images("retained")[torch.arange(60)], derive(known.seed, "audit", "step")
    theta = {k: p.detach() + part * (after.get_parameter(k) - p).detach() for k, p in before.named_parameters()}
    start, there = (mean_loss(before, images, seed=seed, theta=at, block=100) for at in (None, theta))
    assert there - start <= 0.05 * start
    (curve,) = found.curves
    for (t, measured, *_), (_, above, *_) in zip(curve.points["measured"], curve.points["bound"], strict=True):
        assert measured <= above + 1e-3, t
    assert "the first" in found.sentences[0]


def test_images_that_lie_by_class_are_looked_at_across_the_classes() -> None:
    """The loss along the step was that of the first class of a folder."""
    order = tiny_world.dataset().train.labels.argsort(stable=True)
    data = replace(tiny_world.dataset(), train=tiny_world.dataset().train[order])
    split = ForgetSpec.from_values(class_=1).resolve(data, generator=torch.Generator().manual_seed(0))
    before = tiny_world.trained()
    after = moved(before, "decoder.2.bias", 0.3)
    known = case(before, after)
    known.split = split
    assert known.some("retained", 60).labels.unique().tolist() == [3, 8]
    assert known.some("forgotten", 10_000) is known.images("forgotten")
    seed = derive(known.seed, "audit", "step")
    one, all_ = (
        mean_loss(after, x, seed=seed) - mean_loss(before, x, seed=seed)
        for x in (known.images("retained")[torch.arange(60)], known.images("retained"))
    )
    row = value(StepCertificate(**OPTIONS)(known), "step_increase")
    assert row.value is not None
    assert abs(row.value - all_) < 0.5 * abs(one - all_)


def test_no_step() -> None:
    before = tiny_world.trained()
    (row,) = StepCertificate(**OPTIONS)(case(before, before)).measurements
    assert row.reason == "the unlearned weights are the original's"


@pytest.mark.parametrize("options", [{"budget": 0}, {"retained": 1}, {"points": 1}])
def test_options_that_mean_nothing(options: dict[str, Any]) -> None:
    (key,) = options
    with pytest.raises(UsageError, match=rf"`audit\.step\.{key}`"):
        StepCertificate(**options)
