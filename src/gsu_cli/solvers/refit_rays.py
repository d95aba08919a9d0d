"""The steps of a refit, and what they leave of the redirect loss, estimated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gsu_cli.errors import NonFiniteError
from gsu_cli.solvers.step_problem import StepProblem
from gsu_cli.surgery.least_squares import Refit
from gsu_cli.surgery.vectors import Vector, add_scaled, norm, scale

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


class Redirected:
    """The redirect loss of a part of the sites, as the whole one would be if all changed alike."""

    def __init__(self, problem: StepProblem) -> None:
        n = len(problem.goal)
        self.part = problem.goal[torch.arange(0, n, max(1, n // SITES))]
        self.scale = problem.before / self.part.mean(problem.theta)

    def __call__(self, theta: Vector) -> float:
        try:
            return self.scale * self.part.mean(theta)
        except NonFiniteError:
            return float("nan")
