"""What measurements along a ray say so far: the largest step within a budget, and the smallest beyond it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf


@dataclass
class Bracket:
    """Where the largest step within a budget lies, by the steps that were measured.

    Attributes:
        budget: the largest increase allowed.
        rel_tol: share of the budget, and of the step, that may be left.
        within: the largest step measured within the budget, and its increase; zeros before there is one.
        beyond: the smallest step measured beyond it; infinite before there is one.
        trials: every ``(step, increase)``, in the order of measuring.

    Example:
        >>> bracket = Bracket(0.01, rel_tol=0.02)
        >>> for step, increase in ((1.0, 0.004), (2.0, float("nan")), (1.5, 0.0099)):
        ...     bracket.take(step, increase)
        >>> bracket.within, bracket.beyond, bracket.closed
        ((1.5, 0.0099), 2.0, True)
    """

    budget: float
    rel_tol: float
    within: tuple[float, float] = (0.0, 0.0)
    beyond: float = inf
    trials: list[tuple[float, float]] = field(default_factory=list)

    def take(self, step: float, increase: float) -> None:
        """Notes a measurement; an increase that is nan is beyond."""
        self.trials.append((step, increase))
        if increase <= self.budget:
            self.within = max(self.within, (step, increase))
        else:
            self.beyond = min(self.beyond, step)

    @property
    def closed(self) -> bool:
        """Whether a step within spends the budget, or all but touches one beyond it."""
        step, increase = self.within
        spent = increase >= (1 - self.rel_tol) * self.budget
        return step > 0 and (spent or self.beyond <= step * (1 + self.rel_tol))
