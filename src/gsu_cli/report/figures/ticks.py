"""How numbers are written beside an axis."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from gsu_cli.report.numbers import factor
from gsu_cli.run.signed import signed


def tick(value: float) -> str:
    """A change beside an axis: "0", "+1%", "+0.5%", "x11"."""
    if abs(value) < 1e-12:
        return "0"
    return factor(value) if value >= 9 else f"{signed(100 * value, '.3g')}%"


def changes(_: Sequence[float]) -> Callable[[float], str]:
    """How changes are written beside an axis, whatever its ticks are."""
    return tick


def percent(ticks: Sequence[float]) -> Callable[[float], str]:
    """How shares are written beside an axis: in per cent, all with the digits that these ticks need.

    >>> [percent([0.0, 0.005, 0.01])(v) for v in (0.0, 0.005, 0.01)]
    ['0.0%', '0.5%', '1.0%']
    """
    digits = _digits([100 * v for v in ticks])
    return lambda v: f"{100 * v:.{digits}f}%"


def plain(ticks: Sequence[float]) -> Callable[[float], str]:
    """How numbers are written beside an axis: short, but with the digits that tell these ticks apart.

    >>> [plain([1e-5, 0.1])(v) for v in (1e-5, 0.1)], plain([1_000_001, 1_000_002])(1_000_001)
    (['1e-05', '0.1'], '1000001')
    """
    gap = min((b - a for a, b in itertools.pairwise(sorted(ticks))), default=0.0)
    for digits in range(6, 17):
        if all(abs(float(f"{v:.{digits}g}") - v) <= 1e-3 * (gap or abs(v)) for v in ticks):
            break
    return lambda v: f"{v:.{digits}g}"


def _digits(values: Sequence[float]) -> int:
    """Decimal places that these numbers need, up to a thousandth of the least distance between two."""
    gap = min((b - a for a, b in itertools.pairwise(sorted(values))), default=1.0)
    return next((d for d in range(12) if all(abs(round(v, d) - v) <= 1e-3 * gap for v in values)), 12)
