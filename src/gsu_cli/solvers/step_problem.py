"""Where Fisher surgery steps from, and what a step may cost.

``theta`` are the weights that generation depends on. docs/methods/fisher_surgery.md has the formulas.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from gsu_cli.errors import NonFiniteError
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.steps import largest_step_within
from gsu_cli.surgery.vectors import Vector, add_scaled

TOLERANCE = 0.03  # of the budget: a step that spends all but so much of it is long enough
LEAST = 1e-6  # of a loss: the smallest increase that is not rounding


class Measure(Protocol):
    """Of weights: the loss of some images, or how far the model's own samples drift."""

    def mean(self, theta: Vector) -> float:
        """Its value at ``theta``.

        Raises:
            NonFiniteError: it is nan or infinite.
        """


@dataclass(frozen=True)
class Bound:
    """What a step may raise no further, beside the retain loss.

    Attributes:
        measure: the loss of the forgotten images, say.
        limit: its largest value allowed, in its unit.
    """

    measure: Measure
    limit: float


@dataclass(frozen=True)
class StepProblem:
    """What every solver starts from, at the present weights ``theta``.

    Attributes:
        model, goal, cost: whose generated images, the redirect loss, the retain loss.
        theta: the weights that generation depends on.
        loss: the retain loss at ``theta``, nats per image.
        limit: the largest retain loss allowed, nats per image.
        before: the redirect loss at ``theta``, nats per image.
        bounds: what else bounds a step.
        before_each: ``(n,)``, the redirect loss at each site, where it is known.
        looks: images of each look that no candidate notes: at bounds, and at steps shorter than the first.
    """

    model: Any
    goal: SiteLoss
    cost: SiteLoss
    theta: Vector
    loss: float
    limit: float
    before: float
    bounds: tuple[Bound, ...] = ()
    before_each: Tensor | None = None
    looks: list[int] = field(default_factory=list)

    def relative_increase(self, theta: Vector) -> float:
        """Relative change of the retain loss."""
        return relative_increase(self.cost.mean(theta), self.loss)

    def allows(self, theta: Vector) -> bool:
        """Whether the retain loss stays within the limit, and `bounds` hold."""
        self._note(self.cost)
        return self.relative_increase(theta) <= self.allowed and self.bounded(theta)

    def reached_again(self, theta: Vector) -> float:
        """`reached`, of a candidate that has one look already."""
        self._note(self.goal)
        return self.reached(theta)

    def reached(self, theta: Vector) -> float:
        """The redirect loss, nats per image; nan where it is not finite."""
        try:
            return self.goal.mean(theta)
        except NonFiniteError:
            return math.nan

    def longest(self, direction: Vector, step: float) -> float:
        """The largest part of ``step`` that leaves everything else that bounds it within its limit, as measured."""
        return self.within(lambda t: self.at(direction, t), step)

    def within(self, path: Callable[[float], Vector], end: float) -> float:
        """The same along any way: the largest ``t`` up to ``end`` at which ``path(t)`` is within all of `bounds`."""
        if not self.bounds or end == 0 or self.bounded(path(end)):
            return end
        starts = [self._look(bound, self.theta) for bound in self.bounds]
        room = [max(b.limit - start, LEAST * abs(start)) for b, start in zip(self.bounds, starts, strict=True)]

        def rise(t: float) -> float:
            """The largest of all rises, in the unit of the first bound."""
            there = path(t)
            parts = zip(self.bounds, starts, room, strict=True)
            return max((self._look(b, there) - start) * (room[0] / allowed) for b, start, allowed in parts)

        search = largest_step_within(rise, room[0], low=end / 1000, high=end, rel_tol=TOLERANCE)
        return search.up_to(end, room[0])  # the search may have gone beyond, where the loss is no bowl

    def bounded(self, theta: Vector) -> bool:
        """Whether `bounds` hold; what is not finite is beyond any limit."""
        with contextlib.suppress(NonFiniteError):
            return all(self._look(bound, theta) <= bound.limit for bound in self.bounds)
        return False

    def _look(self, bound: Bound, theta: Vector) -> float:
        self._note(bound.measure)
        return bound.measure.mean(theta)

    def _note(self, measure: Measure) -> None:
        """One look more; own samples count themselves."""
        self.looks.append(len(measure) if isinstance(measure, SiteLoss) else 0)

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
