"""Keys of rows that are wider than a terminal, told in one column: a reader there sees numbers before options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from string import ascii_lowercase

from gsu_cli.report.table import HOLE, Cell, Column, Table

SETTINGS = "settings"
WIDEST = 28  # characters of a cell that says them itself; longer ones are said below the table, each once
KEPT = (lambda name: "." not in name, lambda name: name in ("method", "forget"), lambda name: name == "method")


def folded(table: Table, fits: Callable[[Table], bool]) -> Table:
    """The table with as many of its keys in columns of their own as fit, and the others in one.

    Options go first, then what else is not the method or what is forgotten, at last all.

    Args:
        table: with one row for each combination of its keys.
        fits: whether there is room for a table's keys and a number.
    """
    if fits(table):
        return table
    narrower = table
    for keeps in (*KEPT, lambda _: False):
        narrower = _fold(table, [i for i, c in enumerate(table.columns) if c.is_key and not keeps(c.name or c.head)])
        if fits(narrower):
            break
    return narrower


def _fold(table: Table, hidden: Sequence[int]) -> Table:
    """The keys ``hidden`` as words of one column, which stands behind the other keys."""
    if len(hidden) < 2:
        return table
    said = [_words(table, row, hidden) for row in table.rows]
    notes: tuple[str, ...] = ()
    if max(map(len, said), default=0) > WIDEST:
        names = {words: _letters(i) for i, words in enumerate(dict.fromkeys(w for w in said if w))}
        notes = tuple(f"{SETTINGS} {name}: {words}" for words, name in names.items())
        said = [names.get(words, "") for words in said]
    keys = [i for i, c in enumerate(table.columns) if c.is_key and i not in hidden]
    others = [i for i, c in enumerate(table.columns) if not c.is_key]
    own = Column(SETTINGS, form="text", is_key=True)
    columns = (*(table.columns[i] for i in keys), own, *(table.columns[i] for i in others))
    rows = tuple(
        (*(row[i] for i in keys), Cell(words or HOLE), *(row[i] for i in others))
        for row, words in zip(table.rows, said, strict=True)
    )
    return replace(table, columns=columns, rows=rows, footnotes=(*notes, *table.footnotes))


def _words(table: Table, row: Sequence[Cell], hidden: Sequence[int]) -> str:
    """As they are typed, without those that the row's method has not: "method.solver=auto seed=1"."""
    return " ".join(f"{table.columns[i].head}={row[i].label}" for i in hidden if row[i].label != HOLE)


def _letters(i: int) -> str:
    """A name that no footnote has.

    >>> _letters(0), _letters(25), _letters(26)
    ('a', 'z', 'aa')
    """
    more, last = divmod(i, len(ascii_lowercase))
    return (_letters(more - 1) if more else "") + ascii_lowercase[last]
