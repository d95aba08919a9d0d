"""Student's distribution as a 95 % interval needs it: SciPy's import takes as long as the tables of 200 runs."""

from __future__ import annotations

import math
from functools import cache

SHARE = 0.95


@cache
def half_width(freedom: int) -> float:
    """How many standard errors lie on either side of a mean within its 95 % interval.

    Args:
        freedom: degrees of freedom, 1 at least.

    >>> round(half_width(1), 3), round(half_width(9), 3), round(half_width(2000), 3)
    (12.706, 2.262, 1.961)
    """
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _within(middle, freedom) < SHARE else (low, middle)
    return math.sqrt(freedom) * math.tan(middle)


def _within(angle: float, freedom: int) -> float:
    """Share of the distribution up to ``sqrt(freedom) tan(angle)`` on both sides; Abramowitz and Stegun, 26.7.3-4."""
    sine, square = math.sin(angle), math.cos(angle) ** 2
    term, first = (1.0, 0) if freedom % 2 == 0 else (math.cos(angle), 1)
    total = 0.0 if freedom == 1 else term
    for k in range(first + 2, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    return sine * total if freedom % 2 == 0 else 2 / math.pi * (angle + sine * total)
