"""A search on estimates, against the one that decides by measurements."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from math import exp, inf, log, nan

import pytest

from gsu_cli.errors import NonFiniteError
from gsu_cli.surgery.bent import bent, slope_of
from gsu_cli.surgery.crossing import crossing
from gsu_cli.surgery.laws import power_law_between
from gsu_cli.surgery.steps import largest_step_within

BRACKET = {"low": 0.05, "high": 20.0, "rel_tol": 0.03}
Cost = Callable[[float], float]


def curves(n: int) -> list[tuple[Cost, float]]:
    """Costs as refits have them, with a budget: a power of the weight, less what a small one gains."""
    rng, found = random.Random(1), list[tuple[Cost, float]]()
    for _ in range(n):
        power, gain, share = rng.choice([1.2, 2, 3, 5, 8]), rng.choice([0.0, 0.0, 0.3, 1.0, 3.0]), rng.uniform(0.3, 0.8)
        at = exp(rng.uniform(-2.5, 2.5))

        def cost(t: float, power: float = power, gain: float = gain, q: float = share * power, at: float = at) -> float:
            return 0.1 * (t / at) ** power - 0.1 * gain * (t / at) ** q / (1 + (t / at) ** q)

        found.append((cost, rng.choice([0.1, 0.05, 0.005])))
    return found


def test_it_needs_fewer_looks_than_a_search_along_power_laws() -> None:
    looks = {"bent": list[int](), "power law": list[int]()}
    for cost, budget in curves(400):
        found = crossing(cost, budget, **BRACKET)
        assert found.converged
        assert found.relative_increase == cost(found.step) <= budget
        exact = largest_step_within(cost, budget, law=power_law_between, **BRACKET)
        looks["bent"].append(len(found.evaluations))
        looks["power law"].append(len(exact.evaluations))
    assert statistics.mean(looks["bent"]) < 0.85 * statistics.mean(looks["power law"])
    assert max(looks["bent"]) <= 12 < max(looks["power law"])


def test_from_nearby_a_slope_leads_at_once() -> None:
    """What a neighbour has taught spares looks: of the same cost a fifth higher."""
    told, untold = [], []
    for cost, budget in curves(400):
        known = crossing(cost, budget, **BRACKET)
        slope = slope_of(known.evaluations, budget)
        assert slope is not None
        start = {"guess": known.step, **BRACKET}
        told.append(len(crossing(lambda t, cost=cost: 1.2 * cost(t), budget, slope=slope, **start).evaluations))
        untold.append(len(crossing(lambda t, cost=cost: 1.2 * cost(t), budget, **start).evaluations))
    assert statistics.mean(told) < statistics.mean(untold) < 4


def test_what_is_known_is_not_looked_at_again() -> None:
    seen: list[float] = []

    def cost(t: float) -> float:
        seen.append(t)
        return 0.002 * t**1.7

    first = crossing(cost, 0.01, **BRACKET)
    assert len(seen) == len(set(seen)) == len(first.evaluations)
    again = crossing(cost, 0.01, known=first.evaluations, **BRACKET)
    assert again == first
    assert len(seen) == len(first.evaluations)


BROKEN: dict[str, Cost] = {
    "everything": lambda t: 1.0,
    "infinite": lambda t: inf,
    "nan": lambda t: nan,
    "minus infinity": lambda t: -inf,
}


@pytest.mark.parametrize("name", BROKEN)
def test_where_nothing_is_within_the_step_is_zero(name: str) -> None:
    found = crossing(BROKEN[name], 0.01, **BRACKET)
    assert (found.step, found.converged) == (0.0, False)


def test_a_cost_that_costs_nothing_ends_at_the_reach() -> None:
    found = crossing(lambda t: 0.0, 0.01, **BRACKET)
    assert found.step == pytest.approx(20.0 * 1e4)
    assert not found.converged


def test_a_wall_is_found_by_halves() -> None:
    def wall(t: float) -> float:
        if t > 1.5:
            raise NonFiniteError("the loss must be finite", found="nan")
        return 0.001 * t

    found = crossing(wall, 0.01, **BRACKET)
    assert found.converged
    assert 1.5 / 1.03 <= found.step <= 1.5


def test_a_cost_that_passes_zero_is_straight_there() -> None:
    """A line in ``log t``; no power law has an answer, since one end is negative."""
    trials = [(t, 0.01 * log(t / 2)) for t in (1.5, 3.0)]
    for aim in (1e-6, 1e-4, 1e-3):
        led = bent(trials, aim)
        assert led == pytest.approx(2 * exp(100 * aim), rel=0.05)
        assert power_law_between(trials, aim) != pytest.approx(led, rel=0.05)
