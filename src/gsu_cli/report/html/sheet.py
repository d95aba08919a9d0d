"""A table as the template wants it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from gsu_cli.report.columns import keys_width
from gsu_cli.report.figures.plotted import number
from gsu_cli.report.fold import folded
from gsu_cli.report.keys import natural
from gsu_cli.report.table import HOLE, Cell, Table, written
from gsu_cli.run.signed import signed

KEYS = 90  # characters of the keys: of about 150 on a page of 1280 pixels, so that numbers are seen beside them
LONG = 3  # letters: more than the name of a footnote has


@dataclass(frozen=True)
class Sheet:
    """A table, per cell its text, the mark of its footnote, and the attributes of its element.

    ``also`` holds for the head and for each row the keys behind the first: on a phone they stand in its cell, and their
    own columns go, so that numbers are seen.
    """

    table: Table
    id: str
    heads: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[tuple[str, str, Markup, Cell]]]
    notes: list[str]
    more: tuple[str, ...]
    also: list[str]

    @classmethod
    def of(cls, table: Table, name: str) -> Sheet:
        """The sheet of a table; ``name`` is unique within the page."""
        table = folded(table, lambda narrower: keys_width(narrower) <= KEYS)
        shown = written(table)
        keys = [i for i, column in enumerate(table.columns) if column.is_key and i]
        numeric = [column.form != "text" for column in table.columns]
        for i, column in enumerate(table.columns):
            if column.form == "text" and table.rows and all(number(row[i].label) is not None for row in table.rows):
                numeric[i] = True  # a setting such as method.lr, to be sorted as a number
        ranks = [_ranks([row[i].label for row in table.rows]) if not n else {} for i, n in enumerate(numeric)]
        rows = []
        for row, texts in zip(table.rows, shown.rows, strict=True):
            line = []
            for i, (cell, (words, mark), column) in enumerate(zip(row, texts, table.columns, strict=True)):
                place = number(cell.label) if numeric[i] else ranks[i].get(cell.label)
                value = cell.value if column.form != "text" else place
                side = f"{column.side} key" if i in keys else column.side
                line.append((words, mark, _attributes(words, value, side, cell.note), cell))
            rows.append(line)
        sides = (f"{column.side} key" if i in keys else column.side for i, column in enumerate(table.columns))
        also = [", ".join(shown.heads[i] for i in keys)]
        also += [", ".join(row[i].label for i in keys if row[i].label != HOLE) for row in table.rows]
        return cls(table, name, [*zip(shown.heads, sides, strict=True)], rows, shown.notes, table.footnotes, also)


def _ranks(labels: Sequence[str]) -> dict[str, int]:
    """Place of each label where numbers inside words count as numbers, 1e-4 before 0.001 and n2 before n10.

    None for words alone, which a browser sorts.

    >>> _ranks(["method.n=10 seed=1", "method.n=2 seed=1", "-"]), _ranks(["b", "aa"])
    ({'method.n=2 seed=1': 0, 'method.n=10 seed=1': 1}, {'b': 0, 'aa': 1})
    """
    shown = {label for label in labels if label != HOLE}
    letters = all(label.isalpha() and len(label) < LONG for label in shown)  # names of long settings: z, then aa
    if not letters and not re.search(r"\d", "".join(shown)):
        return {}
    ordered = sorted(shown, key=lambda label: (len(label) if letters else 0, natural(label)))
    return {label: i for i, label in enumerate(ordered)}


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
