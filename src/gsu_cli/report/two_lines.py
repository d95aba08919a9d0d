"""Measurements of two runs for a narrow terminal: what stands beside each other elsewhere stands below each other."""

from __future__ import annotations

from dataclasses import replace

from gsu_cli.report.columns import total
from gsu_cli.report.table import Cell, Column, Table, text


def two_lines(table: Table, room: int) -> Table:
    """A table of `compare` with intervals below values, and models below quantities, where it is wider than ``room``.

    Broken where lines ended, an interval stood in two pieces and a word in two halves.
    """
    if len(table.columns) != 6 or total(table) <= room:  # six columns has the table of measurements alone
        return table
    quantity, of, a, b, change, touch = table.columns
    columns = (_below(quantity, of), a, b, _below(change, touch))
    rows = []
    for row in table.rows:
        name, model, one, other, moved, said = row
        words = Cell(f"{text(name, quantity)}\n  {text(model, of)}")
        note = "; ".join(filter(None, (moved.note, said.note)))
        closing = Cell("\n".join(dict.fromkeys([text(moved, change), text(said, touch)])), note=note)
        rows.append((words, _stacked(one, a), _stacked(other, b), closing))
    return Table(table.title, columns, tuple(rows), table.footnotes)


def _below(one: Column, other: Column) -> Column:
    return replace(
        one, head=f"{one.title()}\n{'  ' if one.side == 'left' else ''}{other.title()}", unit="", better=None
    )


def _stacked(cell: Cell, column: Column) -> Cell:
    return replace(cell, label=text(cell, column).replace(" [", "\n[", 1))
