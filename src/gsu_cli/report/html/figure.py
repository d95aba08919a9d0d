"""What the figures of a report share: their legend, their numbers, and the quantities they draw."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gsu_cli.report.aggregate import Statistic
from gsu_cli.report.html.svg import mark
from gsu_cli.report.keys import key, varied
from gsu_cli.report.numbers import factor
from gsu_cli.report.quantities import Quantity
from gsu_cli.report.table import Cell, text
from gsu_cli.run.record import Record

COST = Quantity("change", "neg_elbo_retain", better="lower")


@dataclass(frozen=True)
class Figure:
    """Charts side by side under one heading, with one legend: (mark, name)."""

    title: str
    about: str
    charts: tuple[Markup, ...]
    legend: tuple[tuple[Markup, str], ...]


CHOSEN = ("method", "protocol", "dataset")  # groups along whose numbers something is drawn


def judges(records: Sequence[Record]) -> list[str]:
    """Judges by whom a feature ratio was measured, in order of appearance."""
    named = (m.judge for r in records for m in r.measurements if m.name == "feature_ratio" and m.value is not None)
    return list(dict.fromkeys(j for j in named if j))


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


def legend(shown: dict[str, int]) -> tuple[tuple[Markup, str], ...]:
    return tuple((mark(index, 8, 8), name) for name, index in shown.items())


def tick(value: float) -> str:
    """A change beside an axis: "0", "+1%", "+0.5%", "x11"."""
    if abs(value) < 1e-12:
        return "0"
    return factor(value) if value >= 9 else f"{100 * value:+.3g}%"


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
