"""A table that is wider than a page, in parts that each name their rows."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.report.table import Column

WIDEST = 7  # columns that a page shows without scrolling; what is wider goes on in a further block


def blocks(columns: Sequence[Column]) -> list[list[int]]:
    """Indices of the columns of each block: those that name a row, then as many others as there is room for.

    >>> key, other = Column("method", is_key=True), Column("ratio")
    >>> blocks([key, *[other] * 3]), blocks([key, *[other] * 8])
    ([[0, 1, 2, 3]], [[0, 1, 2, 3, 4, 5, 6], [0, 7, 8]])
    """
    if len(columns) <= WIDEST:
        return [list(range(len(columns)))]
    keys = [k for k, column in enumerate(columns) if column.is_key]
    rest = [k for k in range(len(columns)) if k not in keys]
    room = max(1, WIDEST - len(keys))
    return [[*keys, *rest[start : start + room]] for start in range(0, len(rest), room)]
