"""CSV: every number in full, behind it its ``low``, ``high`` and ``n`` where the column has some; holes are empty."""

from __future__ import annotations

import csv
import io

from gsu_cli.report.table import Table


def render(table: Table) -> str:
    """One line a row; the last column holds the notes of the row's cells."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    spread = [any(row[i].low is not None or row[i].n for row in table.rows) for i in range(len(table.columns))]
    heads: list[str] = []
    for column, wide in zip(table.columns, spread, strict=True):
        name = f"{column.head} ({column.unit})" if column.unit else column.head
        heads += [name, f"{name}: low", f"{name}: high", f"{name}: n"] if wide else [name]
    writer.writerow([*heads, "notes"])
    for row in table.rows:
        words: list[str | float] = []
        for cell, column, wide in zip(row, table.columns, spread, strict=True):
            first = cell.label if column.form == "text" else cell.value
            numbers = [first, cell.low, cell.high, cell.n or None] if wide else [first]
            words += ["" if v is None else v for v in numbers]
        notes = [f"{c.head}: {cell.note}" for cell, c in zip(row, table.columns, strict=True) if cell.note]
        writer.writerow([*words, "; ".join(notes)])
    return out.getvalue()
