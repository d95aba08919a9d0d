"""What the figures of a report share: their legend, their numbers, and the quantities they draw."""

from __future__ import annotations

from collections.abc import Sequence
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


def judges(records: Sequence[Record]) -> list[str]:
    """Judges by whom a feature ratio was measured, in order of appearance."""
    named = (m.judge for r in records for m in r.measurements if m.name == "feature_ratio" and m.value is not None)
    return list(dict.fromkeys(j for j in named if j))


def numeric(records: Sequence[Record]) -> list[str]:
    """Settings of a method that vary and are numbers."""
    return [
        name
        for name in varied(records)
        if all(number(key(r, name)) is not None or key(r, name) == "-" for r in records)
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


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
