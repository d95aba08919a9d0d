"""Where Fisher surgery steps from, and what a step may cost.

``theta`` are the weights that generation depends on. docs/methods/fisher_surgery.md has the formulas.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any

from gsu_cli.errors import NonFiniteError
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.steps import largest_step_within
from gsu_cli.surgery.vectors import Vector, add_scaled

TOLERANCE = 0.03  # of the budget: a step that spends all but so much of it is long enough
LEAST = 1e-6  # of a loss: the smallest increase that is not rounding


@dataclass(frozen=True)
class StepProblem:
    """What every solver starts from, at the present weights ``theta``.

    Attributes:
        model, goal, cost: whose generated images, the redirect loss, the retain loss.
        theta: the weights that generation depends on.
        loss: the retain loss at ``theta``, nats per image.
        limit: the largest retain loss allowed, nats per image.
        before: the redirect loss at ``theta``, nats per image.
        forgotten: the loss of the forgotten images, where a step is bounded by it, too.
        forgotten_limit: the largest value of that allowed, nats per image.
    """

    model: Any
    goal: SiteLoss
    cost: SiteLoss
    theta: Vector
    loss: float
    limit: float
    before: float
    forgotten: SiteLoss | None = None
    forgotten_limit: float = math.inf

    def relative_increase(self, theta: Vector) -> float:
        """Relative change of the retain loss."""
        return relative_increase(self.cost.mean(theta), self.loss)

    def allows(self, theta: Vector) -> bool:
        """Whether the retain loss stays within the limit."""
        return self.relative_increase(theta) <= self.allowed

    def reached(self, theta: Vector) -> float:
        """The redirect loss, nats per image; nan where it is not finite."""
        try:
            return self.goal.mean(theta)
        except NonFiniteError:
            return math.nan

    def longest(self, direction: Vector, step: float) -> float:
        """The largest part of ``step`` that leaves the loss of the forgotten images within its limit, as measured."""
        forgotten = self.forgotten
        if forgotten is None or step == 0:
            return step
        with contextlib.suppress(NonFiniteError):  # beyond any limit
            if forgotten.mean(self.at(direction, step)) <= self.forgotten_limit:
                return step
        start = forgotten.mean(self.theta)
        allowed = max(self.forgotten_limit - start, LEAST * abs(start))
        search = largest_step_within(
            lambda t: forgotten.mean(self.at(direction, t)) - start,
            allowed,
            low=step / 1000,
            high=step,
            rel_tol=TOLERANCE,
        )
        return search.up_to(step, allowed)  # the search may have gone beyond, where the loss is no bowl

    def at(self, direction: Vector, step: float) -> Vector:
        return add_scaled(self.theta, step, direction)

    @property
    def allowed(self) -> float:
        """The largest relative raise of the retain loss."""
        return relative_increase(self.limit, self.loss)


def relative_increase(loss: float, start: float) -> float:
    """Relative raise of a loss, which may be negative.

    >>> round(relative_increase(101.0, 100.0), 9), round(relative_increase(-99.0, -100.0), 9)
    (0.01, 0.01)
    """
    return (loss / start - 1) * math.copysign(1, start)
