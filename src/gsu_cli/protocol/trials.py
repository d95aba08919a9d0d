"""What a search for a strength looks for, has tried, and found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Method, Strength, Update


@dataclass
class Trial:
    """One run of the method.

    Attributes:
        strength: value of the option.
        relative_increase: of the retain loss; None where it is not finite, and ``error`` says what was not.
        seconds: wall time of the run and of measuring its cost.
        gradient_evaluations_per_image: of the run alone; None where the method does not count or did not end.
        shared_evaluations_per_image: of these, what an earlier trial of the search had worked out already.
        rate: the other option that the search changed, and its value; empty where it changed none.
    """

    strength: float
    relative_increase: float | None = None
    seconds: float = 0.0
    gradient_evaluations_per_image: float | None = None
    shared_evaluations_per_image: float = 0.0
    error: str | None = None
    rate: dict[str, float] = field(default_factory=dict)


@dataclass
class Known:
    """What budgets of one method and task learn from each other: ``(strength, increase)``, and the ray of a probe."""

    trials: list[tuple[float, float]] = field(default_factory=list)
    ray: tuple[float, Vector] | None = None


@dataclass(frozen=True)
class Plan:
    """What is searched for.

    Attributes:
        name: of the method.
        make: builds the method, options by keyword; what is not named has the value of the config.
        strength: its option, and where to look.
        budget: largest relative raise of the retain loss.
        known: shared between the budgets of a curve.
    """

    name: str
    make: Callable[..., Method]
    strength: Strength
    budget: float
    known: Known


@dataclass
class Found:
    """The outcome: strength, raise and weights (None: the original's), with a reason where the budget was not met."""

    strength: float | None
    relative_increase: float
    update: Update
    weights: Vector | None
    reason: str | None = None
    rate: dict[str, float] = field(default_factory=dict)
    later: tuple[Callable[[], None], ...] = ()  # what its record alone needs


def evaluations(update: Update) -> float | None:
    """What a method counted, in gradient evaluations per training image."""
    counted = update.details.get("cost")
    value = counted.get("gradient_evaluations_per_image") if isinstance(counted, dict) else None
    return float(value) if isinstance(value, int | float) else None
