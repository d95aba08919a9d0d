"""Whether two shares differ: the interval of their difference, and when a judge tells a thing."""

from __future__ import annotations

import math

from gsu_cli.run.record import Measurement

TELLS = 0.25
"""By how much more often a judge must see a thing where it is than where it is not, at the lower end, to be heard."""


def newcombe(one: Measurement, other: Measurement) -> tuple[float, float]:
    """95 % interval of the difference of two shares with Wilson intervals (Newcombe 1998, his method 10)."""
    (a, low_a, high_a), (b, low_b, high_b) = (
        (
            m.value or 0.0,
            m.low if m.low is not None else m.value or 0.0,
            m.high if m.high is not None else m.value or 0.0,
        )
        for m in (one, other)
    )
    return a - b - math.hypot(a - low_a, high_b - b), a - b + math.hypot(high_a - a, b - low_b)
