"""What a table is made of: rows x columns x seeds, each cell one line of ``gsu unlearn``."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from gsu_cli.errors import UsageError
from gsu_cli.run.record import Record

CELLS = "cells"  # folder of the runs themselves, shared by all tables


@dataclass(frozen=True)
class Cell:
    """One run of a table.

    Attributes:
        row, column: labels, as the table shows them.
        seed: what ``seed=`` is set to.
        words: what follows ``gsu unlearn``, the seed left out.
        optional: whether missing data leave a hole instead of a failure.
    """

    row: str
    column: str
    seed: int
    words: tuple[str, ...]
    optional: bool = False

    @property
    def overrides(self) -> list[str]:
        """What follows ``gsu unlearn``."""
        return [*self.words, f"seed={self.seed}"]

    def __str__(self) -> str:
        return f"{self.row}, {self.column}, seed {self.seed}"


@dataclass(frozen=True)
class Outcome:
    """A cell and what became of it.

    Attributes:
        cell: what was to be run.
        key: the name of its folder; empty where it cannot be run, and then the record says why.
        record: None where it was not run.
        excused: whether the hole it leaves is no failure.
    """

    cell: Cell
    key: str
    record: Record | None
    excused: bool = False

    @property
    def done(self) -> bool:
        """Whether the cell's own record says so."""
        return self.record is not None and self.record.status == "done"

    @property
    def why(self) -> str:
        """Why it is a hole; empty where it is none."""
        if self.record is None:
            return "not run"
        return "" if self.done else (self.record.error or self.record.status)


@dataclass(frozen=True)
class TableSpec:
    """A yaml of the group ``table``.

    Attributes:
        name: of the folder of results.
        base: words on every line.
        rows, columns: label -> words, as typed behind ``gsu unlearn -m``; values to sweep become further rows or
            columns with the values behind the label. Underscores of a label are shown as spaces.
        seeds: every cell is run with each of them.
        optional: labels of rows whose data may be missing: a hole, not a failure.
    """

    name: str
    rows: Mapping[str, str]
    columns: Mapping[str, str]
    seeds: Sequence[int]
    base: str = ""
    optional: Sequence[str] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("rows", "columns"):
            lines = getattr(self, key)
            if not isinstance(lines, Mapping) or not lines or not all(isinstance(v, str) for v in lines.values()):
                raise UsageError(
                    f"`table.{key}` must map labels to what is typed behind `gsu unlearn -m`", found=lines or "nothing"
                )
        seeds = self.seeds
        whole = isinstance(seeds, Sequence) and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds)
        if not whole or not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
            raise UsageError("`table.seeds` must be a list of different integers >= 0", found=seeds)
        if not re.fullmatch(r"[\w.-]+", str(self.name)) or self.name == CELLS:
            raise UsageError("`table.name` must be a word that can name a folder", found=self.name)
        if unknown := [row for row in self.optional if row not in self.rows]:
            raise UsageError("`table.optional` must name rows of the table", found=unknown[0])

    def cells(self) -> list[Cell]:
        """All runs of the table, row by row.

        Raises:
            UsageError: a line cannot be read, or two rows or columns have one label.
        """
        base = [words for _, words in expand("", self.base)] if self.base else [()]
        if len(base) > 1:
            raise UsageError("`table.base` must set one value a key", found=self.base)
        rows, columns = _labelled("rows", self.rows), _labelled("columns", self.columns)
        return [
            Cell(row, column, seed, (*base[0], *a, *b), key in self.optional)
            for (key, row, a), (_, column, b), seed in itertools.product(rows, columns, self.seeds)
        ]




def _labelled(what: str, lines: Mapping[str, str]) -> list[tuple[str, str, tuple[str, ...]]]:
    found = [(key, label, words) for key, line in lines.items() for label, words in expand(key, line)]
    labels = [label for _, label, _ in found]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(f"the labels of `table.{what}` must differ", found=f"{twice} twice")
    return found


def expand(key: str, line: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """``(label, words)`` of each combination of the values that a line sweeps over.

    >>> list(expand("digit", "dataset=mnist forget.class=range(0,2)"))
    [('digit 0', ('dataset=mnist', 'forget.class=0')), ('digit 1', ('dataset=mnist', 'forget.class=1'))]
    >>> list(expand("plain_ascent", "method=ascent"))
    [('plain ascent', ('method=ascent',))]

    Raises:
        UsageError: the line is not one of overrides, or sweeps over an interval.
    """
    try:
        overrides = OverridesParser.create().parse_overrides(shlex.split(line))
    except (HydraException, ValueError) as e:
        raise UsageError("a line of a table must be words key=value", found=f"{line!r} ({str(e).splitlines()[0]})") from e
    choices: list[list[tuple[str, str]]] = []
    for override in overrides:
        name = override.get_key_element()
        if not override.is_sweep_override():
            choices.append([(f"{name}={override.get_value_element_as_str()}" if override.value() is not None
                             or not name.startswith("~") else name, "")])
        elif override.is_discrete_sweep():
            choices.append([(f"{name}={value}", str(value)) for value in override.sweep_string_iterator()])
        else:
            raise UsageError("a line of a table must list its values", found=override.input_line)
    for chosen in itertools.product(*choices):
        values = [value for _, value in chosen if value]
        yield " ".join([key.replace("_", " "), *values]).strip(), tuple(word for word, _ in chosen)
