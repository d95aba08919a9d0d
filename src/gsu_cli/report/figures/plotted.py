"""What the figures of a report share: the quantities they plot, and a cell of a table as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gsu_cli.report.groups import Statistic
from gsu_cli.report.keys import ABSENT, NAMED, key, varied
from gsu_cli.report.memo import memoised_of_all
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


@memoised_of_all
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


def named(keys: Sequence[str], values: Sequence[str]) -> str:
    """A line or a point in words: names as they are, options as they are typed; "auto false" tells nobody of what.

    >>> named(["method", "method.solver", "method.lr", "seed"], ["ascent", "-", "0.01", "1"])
    'ascent lr=0.01 seed=1'
    """
    return " ".join(
        value if name in NAMED else f"{name.removeprefix('method.')}={value}"
        for name, value in zip(keys, values, strict=True)
        if value != ABSENT
    )


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
