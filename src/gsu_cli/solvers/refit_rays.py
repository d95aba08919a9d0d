"""The steps of a refit, and what they leave of the redirect loss, estimated."""

from __future__ import annotations

from dataclasses import dataclass

from gsu_cli.errors import NonFiniteError
from gsu_cli.solvers.step_problem import StepProblem
from gsu_cli.surgery.crossing import crossing
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.least_squares import Refit
from gsu_cli.surgery.vectors import Vector, add_scaled, norm, scale

CLOSE = 0.02  # of a length, how nearly another is as long
SITES = 700  # to redirect, on which refits are compared


@dataclass(frozen=True)
class Ray:
    """The steps of a refit, by the weight of what is to be redirected, its change taken ``length`` times."""

    problem: StepProblem
    refit: Refit
    length: float

    def step(self, weight: float) -> tuple[Vector, float]:
        """Direction, of norm 1, and how far along it; as far as 0 where nothing changes."""
        change = add_scaled(self.refit(1 / weight), -1.0, self.problem.theta)
        far = self.length * norm(change)
        return scale(change, self.length / far) if far else change, far

    def at(self, weight: float) -> Vector:
        """The weights after the step."""
        return self.problem.at(*self.step(weight))

    def as_far_as(self, step: float, weight: float) -> float:
        """The weight, near ``weight``, at which the change is as long as ``step``."""
        found = crossing(lambda w: self.step(w)[1], step, low=weight, high=weight * 2, rel_tol=CLOSE, guess=weight)
        return found.step or weight


class Redirected:
    """The redirect loss of a part of the sites, as the whole one would be if all changed alike."""

    def __init__(self, problem: StepProblem) -> None:
        step, each = max(1, len(problem.goal) // SITES), problem.before_each
        self.part = problem.goal.every(step)
        start = self.part.mean(problem.theta) if each is None else float(wide(each[::step]).mean())
        self.scale = problem.before / start

    def __call__(self, theta: Vector) -> float:
        try:
            return self.scale * self.part.mean(theta)
        except NonFiniteError:
            return float("nan")
