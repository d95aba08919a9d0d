"""The shortest step that forgets nearly as far as any along the way does, so that other images pay for no more.

Along a direction the redirect loss is nearly a parabola. It falls by ``D(t) = s t - b t^2 - c t^3``: ``s`` is its slope
at 0, which the gradient gives, ``b`` is from the first length at which it was measured, ``c``, at first 0, from the
second. So it is foreseen where ``D`` is enough of the most that it is within the budget, and measured there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gsu_cli.errors import NonFiniteError
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.step_problem import StepProblem
from gsu_cli.surgery.bracket import Bracket
from gsu_cli.surgery.laws import power_law
from gsu_cli.surgery.steps import StepSearch, largest_step_within
from gsu_cli.surgery.vectors import Vector, dot, norm, scale

ENOUGH = 0.95  # of the most that the redirect loss falls along the step
NEAR = 0.1  # of a length: where as much more or less is foreseen, it is measured there
LOOKS = 5  # at the redirect loss, at most
SHORTER = 16  # lengths beyond the budget, at most, before giving up
AIM = 0.92  # of the budget, after a length beyond it
LEFT = 0.15  # of the budget, what the longest step may leave unspent: it is shortened anyway
PARTS = 2_000  # of the lengths that come into question, at which it is foreseen
FARTHEST = 4.0  # times a length, where nothing says that the loss bends


@dataclass
class _Way:
    """What was measured along a direction of length 1.

    Attributes:
        problem: whose.
        direction: ``d``.
        slope: ``s > 0``, by which the redirect loss falls at length 0.
        trials: lengths and the relative increase of the retain loss there.
        most: the longest step that what else bounds it allows.
        losses: the redirect loss by length; nan where it is not finite.
    """

    problem: StepProblem
    direction: Vector
    slope: float
    trials: Bracket
    most: float = math.inf
    losses: dict[float, float] = field(default_factory=dict)

    def increase(self, t: float) -> float:
        """Relative, of the retain loss; nan where it is not finite."""
        known = dict(self.trials.trials)
        if t not in known:
            try:
                known[t] = self.problem.relative_increase(self.problem.at(self.direction, t))
            except NonFiniteError:
                known[t] = math.nan
            self.trials.take(t, known[t])
        return known[t]

    def within(self, t: float) -> float:
        """``t``, or the first shorter length that is found within the budget; 0 where none is."""
        for _ in range(SHORTER):
            if self.increase(t) <= self.trials.budget:
                return t
            aimed = power_law(self.trials.trials, AIM * self.trials.budget) or 0.0
            t = max(min(aimed, t / 1.2), t / 10)
        return 0.0

    def longest(self, first: float) -> float:
        """The longest step that the budget allows, but for `LEFT`, or the part of it that the other bounds do."""
        search = largest_step_within(
            self.increase, self.trials.budget, low=first / 20, high=20 * first, guess=first, rel_tol=LEFT
        )
        self.most = self.problem.longest(self.direction, search.step)
        return self.most

    def fallen(self, t: float) -> float:
        """By how much the redirect loss is lower at ``t``."""
        if t not in self.losses:
            self.losses[t] = self.problem.reached(self.problem.at(self.direction, t))
        return self.problem.before - self.losses[t]

    def fits(self, t: float) -> bool:
        """Whether the redirect loss is lower at ``t``, within the budget."""
        return self.fallen(t) > 0 and self.increase(t) <= self.trials.budget

    def foreseen(self, t: float) -> float:
        """Where the redirect loss has fallen `ENOUGH` of the most that the budget allows, by what was measured."""
        if not math.isfinite(self.fallen(t)):
            return t / 4
        end = min(self._longest(), max(FARTHEST * t, *self.losses))
        lengths = torch.linspace(0, end, PARTS + 1, dtype=torch.float64)
        falls = self._falls(lengths, t)
        enough = falls >= ENOUGH * falls.max()
        return float(lengths[int(enough.int().argmax())])

    def _falls(self, lengths: Tensor, t: float) -> Tensor:
        """The parabola through length ``t``, or the cubic through it and the length measured nearest to it."""
        s, fallen = self.slope, self.fallen(t)
        b, c = (s * t - fallen) / t**2, 0.0
        others = [u for u in self.losses if u != t and math.isfinite(self.fallen(u))]
        if others:
            u = min(others, key=lambda u: abs(math.log(u / t)))
            c = (b - (s * u - self.fallen(u)) / u**2) / (t - u)
            b -= c * t
        return lengths * (s - lengths * (b + c * lengths))

    def _longest(self) -> float:
        """What the budget allows, as the trials tell."""
        tried = self.trials
        told = power_law(tried.trials, tried.budget) if any(r > 0 for _, r in tried.trials) else None
        return min(told or math.inf, self.most, tried.beyond)


def shortest_step(problem: StepProblem, towards: Vector, gradient: Vector) -> tuple[Candidate, float, int]:
    """The shortest step within the budget that lowers the redirect loss `ENOUGH` as far as any there does.

    What is left of the budget buys little forgetting there, and other images pay for it: ones need a sixth of 1 %.
    What is taken was measured, by both losses. The first length is where the redirect loss, straight along its slope,
    would be halved: where places are many, Kronecker factors find a tenth of the curvature and less.

    Args:
        problem: with the redirect loss.
        towards: the direction, of any length above 0.
        gradient: of the redirect loss.

    Returns:
        The step; what it raises the retain loss by, relative; and at how many lengths the redirect loss was measured.
        A step of length 0 where none lowers it.
    """
    d = scale(towards, 1 / norm(towards))
    way = _Way(problem, d, -dot(gradient, d), Bracket(problem.allowed, LEFT))
    t = 0.0
    if way.slope > 0:
        first = problem.before / (2 * way.slope)
        t = way.longest(first) if problem.bounds else way.within(first)
    for _ in range(LOOKS if t > 0 else 0):
        there = way.foreseen(t)
        if abs(there / t - 1) <= NEAR:
            break
        there = way.within(there)
        if there == 0 or there in way.losses:
            break
        t = there
    t = way.within(t) if t > 0 else t  # a step that a bound has shortened may cost more than a longer one
    if not (t > 0 and way.fits(t)):  # the last look found it no lower
        lower = [u for u in way.losses if way.fallen(u) > 0]
        t = next((u for u in sorted(lower, key=way.fallen, reverse=True) if way.fits(u)), 0.0)
    within, spent = way.trials.within
    search = StepSearch(within, spent, tuple(way.trials.trials), converged=t > 0)
    end = min(within, way.most)
    reached, increase = (way.losses[t], way.increase(t)) if t else (problem.before, 0.0)
    return Candidate(d, search, t, end, reached), increase, len(way.losses)
