"""The terminal, through rich; as text where there is none."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

from gsu_cli.report.columns import column_widths
from gsu_cli.report.table import Table, footnotes, written

ENDLESS = 10_000  # columns; a pipe or a file has no edge at which to break a line or a path


def line_length() -> int | None:
    """Of a console's lines: None, what rich finds, on a terminal and where `COLUMNS` is set; else they have no end."""
    return None if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit() else ENDLESS


class Lines(Console):
    """A console whose lines end with their text where no terminal reads them: blanks break in a narrow pager."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does, with the same arguments."""
        if self.is_terminal:
            super().print(*objects, **options)
            return
        with self.capture() as captured:
            super().print(*objects, **options)
        self.file.write("\n".join(line.rstrip(" ") for line in captured.get().split("\n")))
        self.file.flush()


def grid(table: Table, *, narrow: bool = False, whole: bool = False) -> Group:
    """What `rich.console.Console.print` takes.

    Args:
        table: to print.
        narrow: columns are as narrow as their numbers are, and heads and words break.
        whole: there is room for every line: nobody need look where it breaks, which takes a third of the time.
    """
    shown = written(table)
    if not table.rows:  # heads over nothing are read as a table that was cut off
        return Group(Text(table.title, style="italic"), *(Text(note, style="dim") for note in table.footnotes))
    out = RichTable(box=box.SIMPLE_HEAD, title=table.title or None, title_justify="left", pad_edge=False)
    rows = [[Text.assemble(text, (f" [{mark}]" if mark else "", "dim")) for text, mark in row] for row in shown.rows]
    widths: Sequence[int | None] = column_widths(table) if narrow else [None] * len(table.columns)
    if whole:
        texts = zip(shown.heads, *([text.plain for text in row] for row in rows), strict=True)
        widths = [max(cell_len(line) for text in column for line in text.splitlines() or [""]) for column in texts]
    for head, column, width in zip(shown.heads, table.columns, widths, strict=True):
        out.add_column(Text(head), justify=column.side, width=width, overflow="fold", no_wrap=whole)
    for row in rows:
        out.add_row(*row)
    return Group(out, *(Text(note, style="dim") for note in footnotes(table, shown.notes)))


def grids(tables: Iterable[Table]) -> Group:
    """Tables below each other, a blank line before each."""
    return Group(*(part for table in tables for part in (Text(""), grid(table))))


def render(table: Table) -> str:
    """Plain text, as wide as the table needs."""
    console = Console(file=io.StringIO(), width=ENDLESS, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(grid(table, whole=True))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"
