"""A table as data: what every renderer in `report/formats` reads, and the text of a cell that they share.

A number keeps its value, interval and n beside its text, so that CSV and JSON lose nothing that Markdown rounds. A hole
is a cell without a value and with a note: it never shows a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gsu_cli.report.merged_remarks import over_rows
from gsu_cli.report.numbers import factor, fixed

Form = Literal["text", "change", "share", "number", "seconds", "count"]
ARROWS = {"lower": "↓", "higher": "↑", None: ""}
HOLE = "-"


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        head: what it holds.
        unit: of its numbers, where the form does not show one.
        better: the direction that a practitioner wants; None where neither.
        form: how numbers are written: ``change`` is a relative one (-0.5 reads "-50.0%"), ``share`` lies in [0, 1].
        align: of the text; numbers stand right unless told otherwise.
        name: by which it is asked for; the head where empty.
        is_key: it says what a row is, and is never left out.
        leads: it is among the first that are shown.
    """

    head: str
    unit: str = ""
    better: Literal["lower", "higher"] | None = None
    form: Form = "number"
    align: Literal["left", "right"] | None = None
    name: str = ""
    is_key: bool = False
    leads: bool = False

    @property
    def side(self) -> Literal["left", "right"]:
        """Where its cells stand."""
        return self.align or ("left" if self.form == "text" else "right")

    def title(self) -> str:
        """The head with unit and arrow: "seconds, s ↓"."""
        said = not self.unit or self.head.endswith(self.unit)  # one that names its unit itself
        return f"{self.head}{'' if said else f', {self.unit}'} {ARROWS[self.better]}".rstrip()


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        label: the text shown; made from the numbers where empty.
        value: None for words and for holes.
        low, high: 95 % interval, both or neither.
        n: what the value rests on; 0 where that has no meaning.
        note: what a reader must know of this entry, and why a hole is one; becomes a footnote.
    """

    label: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None) or (self.low is not None and self.value is None):
            raise ValueError("an interval has two ends around a value")
        if self.value is None and not self.label and not self.note:
            raise ValueError("a hole needs a note that says why it is one")


@dataclass(frozen=True)
class Table:
    """Rows of as many cells as there are columns, with what belongs above and below them."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    footnotes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row)} cells in a table of {len(self.columns)} columns")


def text(cell: Cell, column: Column) -> str:
    """What a person reads in the cell.

    >>> text(Cell(value=-0.912, low=-0.92, high=-0.904, n=3), Column("cut", form="change"))
    '-91.2% ± 0.8'
    >>> text(Cell(value=0.01, low=0.008, high=0.02), Column("ratio", form="share"))
    '0.0100 [0.0080, 0.0200]'
    >>> text(Cell(note="failed"), Column("cut"))
    '-'
    """
    if cell.label or cell.value is None:
        return cell.label or HOLE
    shown = number(cell.value, column.form)
    if cell.low is None or cell.high is None:
        return shown
    below, above = cell.value - cell.low, cell.high - cell.value
    if abs(below - above) <= 1e-6 * max(abs(below), abs(above)):
        return f"{shown} ± {_half(above, cell.value, column.form)}"
    return f"{shown} [{number(cell.low, column.form)}, {number(cell.high, column.form)}]"


def number(value: float, form: Form) -> str:
    """A number in the form of its column.

    >>> number(-0.5, "change"), number(45.2, "change"), number(0.0123, "share"), number(2.345, "number")
    ('-50.0%', 'x46.2', '0.0123', '2.35')
    """
    if form == "change":
        return factor(value)
    if form == "share":
        return f"{value:.4f}"
    if form == "seconds":
        return f"{value:.1f}"
    if form == "count":
        return f"{value:,.0f}"
    return fixed(value, 2) if abs(value) >= 1 else f"{value:z.3g}"


def _half(half: float, value: float, form: Form) -> str:
    """Half the width of an interval, in the unit of the number before it."""
    if form == "change":
        return f"{half:.3g}" if value >= 9 else f"{100 * half:.1f}"
    return number(half, form)


@dataclass(frozen=True)
class Written:
    """The table as words: per cell its text and the number of its footnote, "" where none; then all footnotes."""

    heads: list[str]
    rows: list[list[tuple[str, str]]]
    notes: list[str] = field(default_factory=list)


def written(table: Table) -> Written:
    """Texts of a table; notes that say the same share one footnote, numbered in order of appearance."""
    marks: dict[str, str] = {}
    shared = over_rows(cell.note for row in table.rows for cell in row)

    def mark(note: str) -> str:
        return marks.setdefault(shared[note], str(len(marks) + 1)) if note else ""

    rows = [
        [(text(cell, column), mark(cell.note)) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    return Written([column.title() for column in table.columns], rows, list(marks))


def footnotes(table: Table, notes: Sequence[str]) -> list[str]:
    """All that stands below a table: the numbered notes of its cells, then its own."""
    return [*(f"[{i}] {note}" for i, note in enumerate(notes, 1)), *table.footnotes]
