"""What a search for a strength has tried."""

from __future__ import annotations

from dataclasses import dataclass, field

from gsu_cli.surgery.vectors import Vector


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
