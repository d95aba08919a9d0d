"""The points of a trade-off curve as a table: what each budget chose, what it cost held out, what each judge sees."""

from __future__ import annotations

from gsu_cli.report.numbers import change, is_of_few
from gsu_cli.report.quantities import of_point
from gsu_cli.report.roles import claim, claim_words, claims, cost, cost_words, leading
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.run.record import Measurement, Record


def curve_table(record: Record) -> Table:
    """A row per entry of ``record.curve``; the original stands first."""
    asked = claims(record, "original")
    judges = [m.judge for m in asked]
    heads = [f"{claim_words(record)}{f' ({label})' if label else ''}" for label in map(record.judge_label, judges)]
    seen = leading(record, "forgetting") or ""
    option = f"method.{record.curve[0]['option']}" if record.curve else "strength"  # not `budget` twice
    columns = (
        Column("budget", form="share", is_key=True),
        Column(option),
        Column(f"change of {cost_words(record)}", form="change", better="lower"),
        *(Column(h, form="share" if m.unit == "share" else "number") for h, m in zip(heads, asked, strict=True)),
    )
    before = cost(record, "original")
    ratios = [_ratio(claim(record, "original", judge)) for judge in judges]
    rows: list[tuple[Cell, ...]] = [(Cell("original"), Cell("-"), Cell("-"), *ratios)]
    for entry in record.curve:
        found = of_point(entry)
        raised = None if before is None else change(before, found.get((before.name, None)))
        rows.append(
            (
                Cell("" if entry["budget"] >= 1e-4 else f"{entry['budget']:.2g}", value=entry["budget"]),
                Cell("none" if entry["strength"] is None else f"{entry['strength']:.4g}"),  # none keeps the budget
                Cell("-") if raised is None else Cell(value=raised.value, low=raised.low, high=raised.high),
                *(_ratio(found.get((seen, judge))) for judge in judges),
            )
        )
    return Table("trade-off curve: a point per budget", columns, tuple(rows))


def _ratio(found: Measurement | None) -> Cell:
    if found is None or found.value is None:
        return Cell("-")
    note = f"of {found.n} images" if is_of_few(found) else ""
    return Cell(value=found.value, low=found.low, high=found.high, n=found.n, note=note)
