from __future__ import annotations

from math import inf, isfinite, nan, sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.second_order import Parabola
from gsu_cli.surgery.steps import largest_step_within

BRACKET = {"low": 0.05, "high": 60.0}
CURVES = {
    "linear": lambda t: 0.01 * t,
    "quadratic": lambda t: 0.003 * t * t,
    "free gain, then cost": lambda t: -0.02 * t + 0.01 * t * t,
    "quartic": lambda t: 1e-4 * t**4,
    "explodes": lambda t: 1e-3 * t if t < 5 else nan,
    "wall": lambda t: 0.0 if t < 7 else inf,
    "far above the bracket": lambda t: 1e-5 * t,
    "far below the bracket": lambda t: 1e2 * t,
    "wavy": lambda t: 0.004 * t * (1.5 + sin(3 * t)),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("budget", [0.001, 0.01, 0.5])
def test_the_step_was_measured_and_is_within_the_budget(name, budget):
    found = largest_step_within(CURVES[name], budget, **BRACKET, max_evaluations=30)
    assert found.relative_increase <= budget
    assert found.step > 0
    assert (found.step, found.relative_increase) in found.evaluations
    assert found.converged
    # nothing within the budget was measured and passed over
    assert found.step == max(t for t, r in found.evaluations if isfinite(r) and r <= budget)


@pytest.mark.parametrize("name", ["linear", "quadratic", "quartic", "far above the bracket", "far below the bracket"])
def test_power_laws_need_few_evaluations(name):
    found = largest_step_within(CURVES[name], 0.01, **BRACKET)
    assert 0.98 * 0.01 <= found.relative_increase <= 0.01
    assert len(found.evaluations) <= 8


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(1e-4, 1e5), st.floats(0.6, 3.5), st.floats(1e-4, 1.0))
def test_any_power_law_is_solved(solution, power, budget):
    found = largest_step_within(lambda t: budget * (t / solution) ** power, budget, **BRACKET)
    assert 0.98 * budget <= found.relative_increase <= budget


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.floats(-1, 1), st.sampled_from([nan, inf, -inf])), min_size=1, max_size=16))
def test_no_raise_whatever_breaks_the_budget(raises):
    stream = iter(raises * 16)
    found = largest_step_within(lambda t: next(stream), 0.1, **BRACKET)
    assert found.relative_increase <= 0.1
    assert found.step == 0.0 or (found.step, found.relative_increase) in found.evaluations


def test_increases_at_the_edge_of_floats_overflow_nothing():
    tiny = iter([2.2250738585072014e-308, 2.225073858507203e-309, 5e-324] * 16)
    assert largest_step_within(lambda t: next(tiny), 0.1, **BRACKET).step > 0


def test_nothing_within_reach_is_a_zero_step():
    found = largest_step_within(lambda t: 1.0, 0.01, low=1.0, high=2.0, reach=10.0)
    assert (found.step, found.relative_increase, found.converged) == (0.0, 0.0, False)
    assert min(t for t, _ in found.evaluations) == pytest.approx(0.1)


def test_growth_ends_at_the_reach():
    found = largest_step_within(lambda t: -1.0, 0.01, low=1.0, high=2.0, reach=10.0)
    assert (found.step, found.converged) == (20.0, False)


def test_a_non_finite_loss_counts_as_beyond():
    def explode(t: float) -> float:
        if t > 1:
            raise NonFiniteError("losses must be finite")
        return 1e-3 * t

    assert largest_step_within(explode, 0.01, **BRACKET).step == pytest.approx(1.0, rel=0.02)


def test_a_good_guess_saves_evaluations():
    curve = Parabola(slope=0.001, curvature=0.004)
    guess = curve.step_for(0.01)
    guided = largest_step_within(curve.change, 0.01, **BRACKET, guess=guess)
    assert len(guided.evaluations) <= 2 < len(largest_step_within(curve.change, 0.01, **BRACKET).evaluations)


@pytest.mark.parametrize("budget", [0.0, -1.0, nan, inf])
def test_a_budget_that_is_none_is_refused(budget):
    with pytest.raises(UsageError, match="`budget`"):
        largest_step_within(lambda t: t, budget, **BRACKET)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (2.0, 1.0), (1.0, inf), (-1.0, 1.0)])
def test_an_empty_bracket_is_refused(low, high):
    with pytest.raises(UsageError, match="bracket"):
        largest_step_within(lambda t: t, 0.1, low=low, high=high)
