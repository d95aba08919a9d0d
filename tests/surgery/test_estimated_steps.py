"""A search on estimates: as far as the exact one, within the budget as measured, whatever the estimate says."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log, nan

import pytest

from gsu_cli.errors import NonFiniteError
from gsu_cli.surgery.estimated_steps import largest_step_estimated
from gsu_cli.surgery.steps import StepSearch, largest_step_within

BUDGET, TOLERANCE = 0.01, 0.03
BRACKET = {"low": 0.05, "high": 20.0, "rel_tol": TOLERANCE}


def cost(step: float) -> float:
    return 0.002 * step**1.7


def exact() -> StepSearch:
    return largest_step_within(cost, BUDGET, **BRACKET)


def broken(_: float) -> float:
    raise NonFiniteError("an estimate must be finite", found="nan")


@pytest.mark.parametrize("factor", [0.3, 0.8, 1.0, 1.3, 4.0])
def test_an_estimate_that_is_off_by_a_factor_needs_two_measurements(factor: float) -> None:
    found = largest_step_estimated(cost, lambda t: factor * cost(t), BUDGET, **BRACKET)
    assert found.converged
    assert (1 - TOLERANCE) * BUDGET <= found.relative_increase <= BUDGET
    assert found.step == pytest.approx(exact().step, rel=TOLERANCE)
    assert len(found.evaluations) <= 2 < len(exact().evaluations)


LIES: dict[str, Callable[[float], float]] = {
    "falls": lambda t: -t,
    "nothing": lambda t: 0.0,
    "everything": lambda t: inf,
    "nan": lambda t: nan,
    "raises": broken,
    "another power": lambda t: 0.0001 * t**3,
    "noise": lambda t: 0.01 * ((7919 * t) % 1.0),
}


@pytest.mark.parametrize("name", LIES)
def test_whatever_is_accepted_was_measured_within_the_budget(name: str) -> None:
    """The estimate decides nothing: every liar ends where the measurement says."""
    found = largest_step_estimated(cost, LIES[name], BUDGET, **BRACKET)
    assert (found.step, found.relative_increase) in found.evaluations
    assert cost(found.step) == found.relative_increase <= BUDGET
    assert found.step >= (1 - 2 * TOLERANCE) * exact().step


def test_where_nothing_stays_within_the_budget_the_step_is_zero() -> None:
    found = largest_step_estimated(lambda t: 1.0, cost, BUDGET, **BRACKET)
    assert (found.step, found.converged) == (0.0, False)


def test_a_measurement_that_is_not_finite_counts_as_beyond() -> None:
    def steep(t: float) -> float:
        if t > 1.5:
            raise NonFiniteError("the loss must be finite", found="nan")
        return cost(t)

    found = largest_step_estimated(steep, cost, BUDGET, **BRACKET)
    assert found.step <= 1.5
    assert steep(found.step) <= BUDGET


def test_an_estimate_that_learns_is_asked_for_nothing_it_has_said() -> None:
    """It is exact where the last measurement was, and what was known at first leads to that."""
    asked: list[float] = []
    anchor = [1.0, 1.0]  # by which factor it is off, near a step

    def estimate(t: float) -> float:
        asked.append(t)
        return cost(t) * (1 + 0.2 * log(t / anchor[1])) * anchor[0]

    measured: list[float] = []

    def measure(t: float) -> float:
        measured.append(t)
        return cost(t)

    def learn() -> None:
        anchor[:] = [1.0, measured[-1]]

    anchor[0] = 0.8
    known = [(t, estimate(t)) for t in (2.0, 2.8, 2.9)]
    asked.clear()
    found = largest_step_estimated(measure, estimate, BUDGET, learn=learn, known=known, **BRACKET)
    assert found.converged
    assert [t for t, _ in found.evaluations] == measured
    assert not set(measured) & set(asked)
    assert len(measured) == 2
    assert len(asked) <= 3


def test_a_bracket_as_narrow_as_the_tolerance_ends_it() -> None:
    """Where the cost is nearly a wall no step spends the budget, and a few measurements say so."""

    def steep(t: float) -> float:
        return 1e-7 if t <= 2.0 else 0.01 * t

    found = largest_step_estimated(steep, steep, 1e-5, learn=lambda: None, **BRACKET)
    assert found.converged
    assert 2.0 / (1 + TOLERANCE) <= found.step <= 2.0
    assert (found.step, found.relative_increase) in found.evaluations
    assert len(found.evaluations) <= 4
