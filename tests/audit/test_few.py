"""Intervals of few models, folds, points and images are Student's: each holds the truth as often as it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gsu_cli.audit.base import Audited, mean
from gsu_cli.audit.jackknife import jackknifed
from gsu_cli.audit.lds import _scores
from gsu_cli.audit.leave_out import LOSS, LeaveOut
from gsu_cli.audit.loss_rise import rises_of
from gsu_cli.audit.predictions import Prediction
from gsu_cli.audit.regression import Line
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import Z95, welch
from gsu_cli.evaluation.trust import _balanced

A = Audited("original", None, "ab")
Draw = Callable[[torch.Generator], tuple[float, float]]


def normal(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def slope(rng: torch.Generator) -> tuple[float, float]:
    x = normal(rng, 4)
    row = Line.of(x, x + normal(rng, 4)).rows("l", A)[0]
    return (row.low or 0.0) - 1, (row.high or 0.0) - 1


def difference(rng: torch.Generator) -> tuple[float, float]:
    few, others = normal(rng, 3), 0.3 * normal(rng, 40)
    value, half = float(few.mean() - others.mean()), welch(float(few.var()), 3, float(others.var()), 40)
    return value - half, value + half


def memorised(rng: torch.Generator) -> tuple[float, float]:
    trained_on = torch.tensor([False, False, True, True])[:, None]
    value, half = LeaveOut(trained_on, {LOSS: normal(rng, 4, 1)}, {}, "").memorisation()
    return float(value - half), float(value + half)


def risen(rng: torch.Generator) -> tuple[float, float]:
    """Three models of all images and two without: with no effect, but for what seeds do."""
    trained_on = torch.ones(5, 4, dtype=torch.bool)
    trained_on[3, 0] = trained_on[4, 1] = False
    L = normal(rng, 5, 1).expand(5, 6)
    (rise,) = rises_of(LeaveOut(trained_on, {LOSS: L}, {}, ""), {}, "heldout")
    return rise.realised - rise.half, rise.realised + rise.half


# what the normal quantile would hold: 82, 79, 81 and 80 %
@pytest.mark.parametrize("draw", [slope, difference, memorised, risen])
def test_as_often_as_it_says(draw: Draw) -> None:
    rng = torch.Generator().manual_seed(0)
    found = [draw(rng) for _ in range(500)]
    assert sum(low <= 0 <= high for low, high in found) / len(found) > 0.925


def test_with_many_it_is_the_normal_one() -> None:
    assert welch(2.0, 30, 3.0, 40) == Z95 * math.sqrt(2.0 / 30 + 3.0 / 40)
    assert welch(0.0, 2, 0.0, 2) == 0
    trained_on = torch.arange(60)[:, None] % 2 == 0
    L = normal(torch.Generator().manual_seed(0), 60, 1)
    _, half = LeaveOut(trained_on, {LOSS: L}, {}, "").memorisation()
    error = ((L[::2].var() + L[1::2].var()) / 30).sqrt()
    assert float(half) == pytest.approx(Z95 * float(error))


def test_a_score_over_five_models_has_four_degrees_of_freedom() -> None:
    rng = torch.Generator().manual_seed(0)
    L, models = normal(rng, 5, 40), torch.ones(5, dtype=torch.bool)
    predicted = L + normal(rng, 5, 40)
    design = LeaveOut(torch.zeros(5, 2, dtype=torch.bool), {LOSS: L}, {}, "")
    row = _scores(A, design, models, Prediction("kfac", 0.0, predicted, None))[0]
    score = jackknifed(predicted[:, 2:], L[:, 2:])
    assert (row.value, row.n) == (score.value, 5)
    ends = (score.value - 2.7764451 * score.error, score.unbiased - 2.7764451 * score.unbiased_error)
    assert row.low == pytest.approx(min(ends))


@pytest.mark.parametrize("right", [1.0, 0.5])
def test_a_judge_that_is_right_on_two_images_a_class_is_not_known_to_be_perfect(right: float) -> None:
    truth = torch.tensor([0, 0, 1, 1])
    said = truth if right == 1 else torch.tensor([0, 1, 1, 0])
    judge: Any = SimpleNamespace(name="cnn")
    found = _balanced(said, truth, EvaluatedModel("data", torch.zeros(4, 1, 1, 1), None), judge)
    assert found.value == right
    assert found.low is not None
    assert found.low < right - 0.25
    assert (found.high == 1) is (right == 1)


@pytest.mark.parametrize("value", [0.0, 100.0])
def test_a_mean_of_values_that_all_stand_at_an_end_has_no_interval(value: float) -> None:
    """One of no width stood there, as if the next image could not lie elsewhere."""
    row = mean("percentile_design", A, torch.full((20,), value).double(), "%", least=0.0, most=100.0)
    assert (row.value, row.low, row.high, row.n) == (value, None, None, 20)
    other = mean("percentile_design", A, torch.tensor([value, value, 50.0]).double(), "%", least=0.0, most=100.0)
    assert None not in (other.low, other.high)
