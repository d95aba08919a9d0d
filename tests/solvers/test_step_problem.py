"""A step that is taken was measured, by every limit that it has, also where a loss is no bowl."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import pytest
import torch

from gsu_cli.errors import NonFiniteError
from gsu_cli.solvers.fisher_solver import FisherSolver
from gsu_cli.solvers.step_problem import Bound, StepProblem
from gsu_cli.surgery.streaming import LossGradient

D = {"w": torch.ones(1)}


class Curve:
    """A loss of one weight."""

    def __init__(self, of: Callable[[float], float]) -> None:
        self.of, self.seen = of, dict[float, float]()

    def mean(self, theta: dict[str, torch.Tensor]) -> float:
        w = float(theta["w"])
        self.seen[w] = self.of(w)
        if self.seen[w] == inf:
            raise NonFiniteError("the loss must stay finite", found="inf")
        return self.seen[w]


def problem(cost: Callable[[float], float], forgotten: Callable[[float], float], limit: float) -> StepProblem:
    parts: list[Any] = [Curve(lambda w: -w), Curve(cost), Curve(forgotten)]
    goal, retain, held = parts
    return StepProblem(None, goal, retain, {"w": torch.zeros(1)}, 100.0, 101.0, 0.0, (Bound(held, limit),))


FORGOTTEN = {
    "a bowl": lambda w: w * w,
    "a hill where the budget ends": lambda w: 0.1 * w + (1.0 if 0.9 < w < 1.1 else 0.0),
    "not finite there": lambda w: inf if w > 0.7 else 0.1 * w,
    "not finite anywhere": lambda w: inf if w else 0.0,
}


@pytest.mark.parametrize("name", FORGOTTEN)
def test_the_step_that_is_left_was_measured_within_the_limit(name: str) -> None:
    found = problem(lambda w: 100.0, FORGOTTEN[name], 0.5)
    step = found.longest(D, 1.0)
    seen: Any = found.bounds[0].measure
    at = float(found.at(D, step)["w"])
    assert 0 <= step < 1, "a step of 1 is beyond the limit"
    assert seen.seen[at] <= 0.5
    assert (step > 0) == (name != "not finite anywhere")


@pytest.mark.parametrize("limits", [(0.5, 0.2), (0.2, 0.5), (2.0, 0.3)])
def test_of_several_bounds_each_holds_at_the_step_that_is_left(limits: tuple[float, float]) -> None:
    """The units differ, and one rises with the step, the other with its square."""
    curves: list[Any] = [Curve(lambda w: 100 + w), Curve(lambda w: -w), Curve(lambda w: 100.0)]
    far, goal, retain = curves
    square: Any = Curve(lambda w: w * w)
    bounds = (Bound(far, 100 + limits[0]), Bound(square, limits[1]))
    found = StepProblem(None, goal, retain, {"w": torch.zeros(1)}, 100.0, 101.0, 0.0, bounds)
    step, most = found.longest(D, 1.0), min(limits[0], limits[1] ** 0.5)
    assert 0.95 * most < step <= most + 1e-4  # 100 + w is rounded to float32
    assert found.bounded(found.at(D, step))
    assert not found.bounded(found.at(D, 1.0))


def test_no_step_is_no_step_whatever_the_limit() -> None:
    assert problem(lambda w: 100.0, lambda w: 2.0, 1.0).longest(D, 0.0) == 0.0


@pytest.mark.parametrize(("costly_to", "taken"), [(0.3, True), (0.6, False)])
def test_a_halved_step_is_within_the_budget_or_none_is_taken(costly_to: float, taken: bool) -> None:
    """Short steps cost more than long ones here, and the forgotten images allow no long one."""
    found = problem(lambda w: 105.0 if 1e-9 < w < costly_to else 100.0, lambda w: w, 0.5)
    fisher: Any = type("Identity", (), {"apply": staticmethod(dict)})
    best = FisherSolver(found, D, LossGradient(D, 100.0, 1), fisher)._along(D)
    assert found.allows(found.at(D, best.step))
    assert (best.step > 0) == (best.redirect_loss < found.before) == taken
