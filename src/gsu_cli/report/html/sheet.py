"""A table as the template wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from gsu_cli.report.figures.plotted import number
from gsu_cli.report.table import HOLE, Cell, Table, written
from gsu_cli.run.signed import signed


@dataclass(frozen=True)
class Sheet:
    """A table, per cell its text, the mark of its footnote, and the attributes of its element."""

    table: Table
    id: str
    heads: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[tuple[str, str, Markup, Cell]]]
    notes: list[str]
    more: tuple[str, ...]

    @classmethod
    def of(cls, table: Table, name: str) -> Sheet:
        """The sheet of a table; ``name`` is unique within the page."""
        shown = written(table)
        numeric = [column.form != "text" for column in table.columns]
        for i, column in enumerate(table.columns):
            if column.form == "text" and table.rows and all(number(row[i].label) is not None for row in table.rows):
                numeric[i] = True  # a setting such as method.lr, to be sorted as a number
        rows = []
        for row, texts in zip(table.rows, shown.rows, strict=True):
            line = []
            for cell, (words, mark), column, is_number in zip(row, texts, table.columns, numeric, strict=True):
                value = cell.value if column.form != "text" else number(cell.label) if is_number else None
                line.append((words, mark, _attributes(words, value, column.side, cell.note), cell))
            rows.append(line)
        heads = [(head, column.side) for head, column in zip(shown.heads, table.columns, strict=True)]
        return cls(table, name, heads, rows, shown.notes, table.footnotes)


def _attributes(words: str, value: float | None, side: str, note: str) -> Markup:
    """Where a cell stands, the number to sort by, what a pointer shows: in one piece, a page has so many of them."""
    kind = f'class="{side}{" hole" if words == HOLE else ""}"'
    sorts = "" if value is None else f' data-value="{value}"'
    return Markup(kind + sorts + (f' title="{escape(note)}"' if note else ""))  # noqa: S704  # escaped


def interval(cell: Cell) -> str:
    """The ends in the form of the label before them."""
    if cell.low is None or cell.high is None:
        return ""
    if cell.label.endswith("%"):
        return f"{signed(cell.low)} to {signed(cell.high)}"
    places = len(cell.label.partition(".")[2])
    return f"{cell.low:.{places}f} to {cell.high:.{places}f}"
