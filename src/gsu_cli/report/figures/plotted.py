"""What the figures of a report share: the quantities they draw, and how numbers are written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from gsu_cli.report.groups import Statistic
from gsu_cli.report.keys import key, varied
from gsu_cli.report.numbers import factor
from gsu_cli.report.quantities import Quantity, discover
from gsu_cli.report.table import Cell, text
from gsu_cli.run.record import Record

CHOSEN = ("method", "protocol", "dataset")  # groups along whose numbers something is plotted


def gains(records: Sequence[Record]) -> list[Quantity]:
    """What leads among the measurements of forgetting and has numbers here, by each judge."""
    return [q for q in discover(records) if q.leads and q.role == "forgetting" and _has(q, records)]


def costs(records: Sequence[Record]) -> list[Quantity]:
    """What leads among the measurements of cost and has numbers here; each unit apart, they share no axis."""
    found = []
    for q in (q for q in discover(records) if q.leads and q.role == "cost"):
        every = (m.unit for r in records for m in r.measurements if (m.name, m.judge) == (q.name, q.judge))
        units = dict.fromkeys(every)
        heads = [f"{q.title} ({unit})" if unit and len(units) > 1 else q.title for unit in units]
        found += [replace(q, unit=u, one_unit=True, head=head) for u, head in zip(units, heads, strict=True)]
    return [q for q in found if _has(q, records)]


def _has(quantity: Quantity, records: Sequence[Record]) -> bool:
    return any(quantity.read(r).value is not None for r in records)


def numeric(records: Sequence[Record]) -> list[str]:
    """Settings of a method that vary and are numbers."""
    return [
        name
        for name in varied(records)
        if name.split(".")[0] in CHOSEN
        and all(number(key(r, name)) is not None or key(r, name) == "-" for r in records)
    ]


def said(s: Statistic, quantity: Quantity) -> str:
    return text(Cell(value=s.mean, low=s.low, high=s.high, note="not measured"), quantity.column())


def span(s: Statistic) -> tuple[float, float] | None:
    return None if s.low is None or s.high is None else (s.low, s.high)


def tick(value: float) -> str:
    """A change beside an axis: "0", "+1%", "+0.5%", "x11"."""
    if abs(value) < 1e-12:
        return "0"
    return factor(value) if value >= 9 else f"{100 * value:+.3g}%"


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


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
