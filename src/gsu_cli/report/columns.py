"""Which columns of a table are shown: those asked for by name, or those that fit the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.report.fold import folded
from gsu_cli.report.table import HOLE, Cell, Column, Table, written

GAP = 3  # characters between two columns on a terminal
EDGES = 2  # characters to the left and right of a table
WIDEST = 28  # of a column of words, which break beyond it
ALL = "all"


def names(tables: Sequence[Table]) -> list[str]:
    """Names of all columns but the rows' keys, each once."""
    return list(dict.fromkeys(c.name for table in tables for c in table.columns if not c.is_key))


def chosen(tables: Sequence[Table], asked: Sequence[str]) -> list[Table]:
    """The tables with the rows' keys and the columns asked for, in that order.

    Args:
        tables: all columns.
        asked: names, or their beginning before a dot: ``feature_ratio`` is that of every judge; ``all``.

    Raises:
        UsageError: no table has such a column.
    """
    for name in asked:
        if name != ALL:
            _check(name, tables, "columns", "all, or names")
    found = []
    for table in tables:
        keys = [i for i, c in enumerate(table.columns) if c.is_key]
        more = [
            i for name in asked for i, c in enumerate(table.columns)
            if not c.is_key and (name == ALL or _is(c.name, name))
        ]  # fmt: skip
        if more:
            found.append(take(table, list(dict.fromkeys(keys + more))))
    return found


def in_order(tables: Sequence[Table], by: str) -> list[Table]:
    """The tables with their rows in the order of a column's numbers, holes last; one without the column as it is.

    Args:
        tables: all columns.
        by: a name, or its beginning before a dot for that of the first judge; least first, behind a minus greatest.

    Raises:
        UsageError: no table has such a column.
    """
    name = by.removeprefix("-")
    _check(name, tables, "sort", "a name")
    sign = -1.0 if by != name else 1.0
    found = []
    for table in tables:
        place = next((i for i, c in enumerate(table.columns) if not c.is_key and _is(c.name, name)), None)
        found.append(table if place is None else replace(table, rows=_sorted(table, place, sign)))
    return found


def _sorted(table: Table, place: int, sign: float) -> tuple[tuple[Cell, ...], ...]:
    values = [row[place].value for row in table.rows]
    ranks = [(value is None, 0.0 if value is None else sign * value) for value in values]
    return tuple(row for _, row in sorted(zip(ranks, table.rows, strict=True), key=lambda pair: pair[0]))


def _check(name: str, tables: Sequence[Table], setting: str, holds: str) -> None:
    """Refuses what is no column of any table."""
    there = names(tables)
    if any(_is(column, name) for column in there):
        return
    judged = did_you_mean(name, there) if "." in name else ""  # a name with its judge is meant as it stands
    close = (judged or _of_head(name, tables) or did_you_mean(name, there)).strip()
    among = ", ".join(there) or "those of a table, of which these runs make none"
    raise UsageError(f"`{setting}` must hold {holds} among {among}", found=name, way_out=close)


def _of_head(name: str, tables: Sequence[Table]) -> str:
    """For what is a head and no name: "retain loss" stands above ``heldout_loss_retain``; of all judges, if of some."""
    columns = {c.title(): c.name for table in tables for c in table.columns if not c.is_key}
    heads = {_word(head.partition("(")[0]): own.partition(".")[0] for head, own in columns.items()}
    said = did_you_mean(_word(name), heads)
    near = dict.fromkeys(own for head, own in heads.items() if repr(head) in said)
    return f"Did you mean {' or '.join(map(repr, near))}? " if near else ""


def _word(text: str) -> str:
    return re.sub(r"\W+", "_", text.strip()).lower()


def take(table: Table, indices: Sequence[int]) -> Table:
    """The table with these columns, in this order."""
    rows = tuple(tuple(row[i] for i in indices) for row in table.rows)
    return replace(table, columns=tuple(table.columns[i] for i in indices), rows=rows)


def fitting(table: Table, width: int) -> tuple[Table, list[str]]:
    """The table with as many columns as ``width`` characters hold, and the names of those left out.

    Keys always stay; where they leave no room for a number, they are `folded` into one column. Then come failures, if
    there are any, the headline numbers, those with the fewest holes first, and the rest in order; what is a hole in
    every row comes last. The first number stays even where the keys alone are too wide, before failures: a table
    without a number says nothing.
    """
    table = folded(table, lambda t: _with_a_number(t) <= width)
    widths = column_widths(table)
    keys = [i for i, c in enumerate(table.columns) if c.is_key]
    others = _in_order(table)
    kept = [i for i in others if table.columns[i].name != "failed"][:1]
    left = width - EDGES - sum(widths[i] + GAP for i in (*keys, *kept)) + GAP
    for i in (i for i in others if i not in kept):
        if widths[i] + GAP <= left:
            kept.append(i)
            left -= widths[i] + GAP
    return take(table, [*keys, *sorted(kept)]), [table.columns[i].name for i in sorted(set(others) - set(kept))]


def _in_order(table: Table) -> list[int]:
    """The columns that are no keys, those first that are shown first."""
    others = [i for i, c in enumerate(table.columns) if not c.is_key]
    return sorted(others, key=lambda i: _rank(table.columns[i], [row[i] for row in table.rows]))


def _with_a_number(table: Table) -> int:
    """Characters that the keys and the first number need."""
    first = [i for i in _in_order(table) if table.columns[i].name != "failed"][:1]
    return total(take(table, [*(i for i, c in enumerate(table.columns) if c.is_key), *first]))


def blocks(table: Table, width: int) -> list[Table]:
    """The whole table in parts that fit, each with the keys; a column that fits nowhere stands alone."""
    table = folded(table, lambda t: _with_a_number(t) <= width)
    widths = column_widths(table)
    keys = [i for i, c in enumerate(table.columns) if c.is_key]
    taken = sum(widths[i] + GAP for i in keys) - GAP + EDGES
    parts: list[list[int]] = [[]]
    used = taken
    for i in (i for i, c in enumerate(table.columns) if not c.is_key):
        if parts[-1] and used + GAP + widths[i] > width:
            parts.append([])
            used = taken
        parts[-1].append(i)
        used += GAP + widths[i]
    return [take(table, [*keys, *part]) for part in parts]


def column_widths(table: Table) -> list[int]:
    """Characters that each column needs: numbers in one line, heads and words broken where they may be."""
    shown = written(table)
    found = []
    for i, column in enumerate(table.columns):
        cells = [len(text) + (len(mark) + 3 if mark else 0) for text, mark in (row[i] for row in shown.rows)]
        wide = max([*cells, *map(len, shown.heads[i].split())])
        found.append(min(wide, WIDEST) if column.form == "text" else wide)
    return found


def keys_width(table: Table) -> int:
    """Characters that the columns which say what a row is need."""
    return total(take(table, [i for i, c in enumerate(table.columns) if c.is_key]))


def total(table: Table) -> int:
    """Characters that the whole table needs."""
    return sum(widths := column_widths(table)) + GAP * (len(widths) - 1) + EDGES


def _is(column: str, name: str) -> bool:
    return column == name or column.startswith(f"{name}.")


def _rank(column: Column, cells: Sequence[Cell]) -> tuple[bool, int, int]:
    """Of two headline numbers that with fewer holes comes first: there may be room for one judge alone."""
    holes = sum(cell.value is None and cell.label in ("", HOLE) for cell in cells)
    if column.name == "failed":
        return not any(cell.value for cell in cells), 0, 0
    return holes == len(cells), 1 if column.leads else 2 if column.name == "runs" else 3, holes * column.leads
