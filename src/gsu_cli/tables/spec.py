"""What a table is made of: rows x columns x seeds, each cell one line of ``gsu unlearn``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.tables.cell import Cell
from gsu_cli.tables.expectation import Expectation, refuse_former
from gsu_cli.tables.lines import expand
from gsu_cli.tables.store import CELLS

SUBJECTS = ("original", "retrained", "data")


@dataclass(frozen=True)
class TableSpec:
    """A yaml of the group ``table``.

    Attributes:
        name: of the folder of results.
        base: words on every line.
        models: name -> words behind ``gsu train`` of what the table trains before its cells, once; in their words
            ``=trained:<name>`` stands for the file.
        audit: words behind ``gsu audit run=...`` of every finished cell, whose findings stand beside its measurements;
            None: no audit.
        rows, columns: label -> words, as typed behind ``gsu unlearn -m``; values to sweep become further rows or
            columns with the values behind the label. Underscores of a label are shown as spaces.
        seeds: every cell is run with each of them.
        subset: ``columns`` that are run for ``rows`` alone, by the labels that the table shows, and, where given, with
            those of ``seeds`` alone: what is slow.
        slow: ``rows``, by their keys of the yaml or by the labels that the table shows, that are run with ``seeds`` of
            their own, in all ``columns`` or in those whose labels are given; a list of such, of which the last that
            speaks of a cell counts.
        title: above the table; the name if empty.
        optional: labels of rows whose data may be missing: a hole, not a failure.
        references: whose numbers stand beside those of the columns: "original", "retrained", "data".
        mean: whether the mean over all rows, and the worst of them, stand below; "only": nothing else stands; "each":
            below stands a mean of the rows of each key of ``rows``.
        sort: quantity by whose change columns and means are sorted: "feature_ratio.cnn"; None: as given.
        absolute: whether numbers are shown as they are; else as changes from the original.
        show: names of the measurements to show; None for all.
        plot: whether changes are plotted along the numeric options that differ between cells; "front": reduction
            against the cost instead, a figure per block of means, or one of all cells.
        published: rows of others' figures: head of a column -> what is printed there, and ``source``.
        expect: what is pinned; see `Expectation`.
    """

    name: str
    rows: Mapping[str, str]
    columns: Mapping[str, str]
    seeds: Sequence[int]
    base: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    audit: str | None = None
    subset: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    slow: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]] = ()
    title: str = ""
    optional: Sequence[str] = ()
    references: Sequence[str] = ()
    mean: bool | Literal["only", "each"] = False
    sort: str | None = None
    absolute: bool = False
    show: Sequence[str] | None = None
    plot: bool | Literal["front"] = False
    published: Sequence[Mapping[str, str]] = ()
    expect: Sequence[Expectation] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> TableSpec:
        """From the plain values of a yaml.

        Raises:
            UsageError: a key is missing, unknown, or holds what it must not.
        """
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            way_out = did_you_mean(unknown[0], known)
            raise UsageError(f"`table` must only hold {', '.join(sorted(known))}", found=unknown[0], way_out=way_out)
        if missing := [key for key in ("name", "rows", "columns", "seeds") if values.get(key) is None]:
            raise UsageError(f"`table.{missing[0]}` must be given")
        expect = [Expectation.of(line) for line in values.get("expect") or ()]
        given = {key: value for key, value in values.items() if value is not None}  # null: as if left out
        return cls(**{**given, "expect": expect})

    def __post_init__(self) -> None:
        for key in ("rows", "columns"):
            lines = getattr(self, key)
            if not isinstance(lines, Mapping) or not lines or not all(isinstance(v, str) for v in lines.values()):
                raise UsageError(
                    f"`table.{key}` must map labels to what is typed behind `gsu unlearn -m`", found=lines or "nothing"
                )
        if not isinstance(self.models, Mapping) or not all(isinstance(v, str) and v for v in self.models.values()):
            raise UsageError(
                "`table.models` must map names to what is typed behind `gsu train`", found=self.models or "nothing"
            )
        seeds = self.seeds
        _check_seeds("table.seeds", seeds)
        known = {"rows", "columns", "seeds"}
        if self.subset and (not isinstance(self.subset, Mapping) or {*self.subset, "seeds"} != known):
            raise UsageError(
                "`table.subset` must hold rows and columns, lists of labels, and may hold seeds", found=self.subset
            )
        if self.subset.get("seeds") is not None:
            _check_seeds("table.subset.seeds", self.subset["seeds"])
        for entry in self._slow():
            self._check_slow(entry)
        for key, words in (("plot", ["front"]), ("mean", ["only", "each"])):
            if (value := getattr(self, key)) not in (True, False, *words):
                rule = f"`table.{key}` must be {', '.join(['true', 'false', *words][:-1])} or {words[-1]}"
                raise UsageError(rule, found=value, way_out=did_you_mean(str(value), ["true", "false", *words]))
        if not re.fullmatch(r"[\w.-]+", str(self.name)) or self.name == CELLS:
            raise UsageError("`table.name` must be a word that can name a folder", found=self.name)
        refuse_former("table.show", self.show or ())
        refuse_former("table.sort", [self.sort] if self.sort else ())
        for key, choices in (("optional", self.rows), ("references", SUBJECTS)):
            if unknown := [word for word in getattr(self, key) if word not in choices]:
                raise UsageError(f"`table.{key}` must name some of {', '.join(choices)}", found=unknown[0],
                                 way_out=did_you_mean(str(unknown[0]), choices))  # fmt: skip

    def _slow(self) -> Sequence[Mapping[str, Sequence[Any]]]:
        entries: Any = self.slow or ()
        return entries if _is_list(entries) else [entries]

    def _check_slow(self, entry: Any) -> None:
        known = {"rows", "columns", "seeds"}
        lists = isinstance(entry, Mapping) and all(_is_list(value) for value in entry.values())
        if not lists or {*entry, "columns"} != known:
            raise UsageError(
                "`table.slow` must hold lists: rows, keys of the table, and seeds, and may hold columns", found=entry
            )
        _check_seeds("table.slow.seeds", entry["seeds"])

    def _seeds(self, names: set[str], column: str) -> Sequence[int]:
        """Of the cells of a row, by its key and its label, in one column."""
        entries = (e for e in self._slow() if names.intersection(e["rows"]))
        speaks = [e["seeds"] for e in entries if column in e.get("columns", (column,))]
        return speaks[-1] if speaks else self.seeds

    def cells(self) -> list[Cell]:
        """All runs of the table, row by row.

        Raises:
            UsageError: a line cannot be read, or two rows or columns have one label.
        """
        base = one_line("table.base", self.base)
        audit = None if self.audit is None else one_line("table.audit", self.audit)
        rows, columns = _labelled("rows", self.rows), _labelled("columns", self.columns)
        for key, lines in (("rows", rows), ("columns", columns)):
            labels = [label for _, label, _ in lines]
            if unknown := [label for label in self.subset.get(key, ()) if label not in labels]:
                raise UsageError(f"`table.subset.{key}` must name labels of the table's {key}", found=unknown[0],
                                 way_out=did_you_mean(unknown[0], labels))  # fmt: skip
        slow = (
            ("rows", "keys or labels", [*self.rows, *(label for _, label, _ in rows)]),
            ("columns", "labels", [label for _, label, _ in columns]),
        )
        for key, what, names in slow:
            if unknown := [name for e in self._slow() for name in e.get(key, ()) if name not in names]:
                raise UsageError(f"`table.slow.{key}` must name {what} of the table's {key}", found=unknown[0],
                                 way_out=did_you_mean(str(unknown[0]), names))  # fmt: skip
        return [
            Cell(row, column, seed, (*base, *a, *b), key in self.optional, key.replace("_", " "), audit)
            for (key, row, a), (_, column, b) in itertools.product(rows, columns)
            for seed in self._seeds({key, row}, column)
            if not self.in_subset(column)
            or (row in self.subset["rows"] and seed in (self.subset.get("seeds") or (seed,)))
        ]

    def check_expected(self, cells: Sequence[Cell]) -> None:
        """Refuses a pin of a row or a column that the table has not: no run can meet it.

        Raises:
            UsageError: with the nearest label.
        """
        for key in ("row", "column"):
            labels = list(dict.fromkeys(getattr(cell, key) for cell in cells))
            named = [name for pin in self.expect if (name := getattr(pin, key)) is not None]
            if unknown := [name for name in named if name not in labels]:
                near = did_you_mean(str(unknown[0]), labels)
                raise UsageError(
                    f"`{key}` of a line of `table.expect` must be a label of the table's {key}s", found=unknown[0],
                    way_out=near or "Take the pins off with table.expect=[]",
                )  # fmt: skip

    def in_subset(self, column: str) -> bool:
        """Whether a column is run for a part of the rows alone."""
        return column in self.subset.get("columns", ())


def one_line(key: str, typed: str) -> tuple[str, ...]:
    """The words of a line without sweeps; none of an empty one.

    Raises:
        UsageError: a key has several values.
    """
    lines = [words for _, words in expand("", typed)] if typed else [()]
    if len(lines) > 1:
        raise UsageError(f"`{key}` must set one value a key", found=typed)
    return lines[0]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _check_seeds(key: str, seeds: Any) -> None:
    integers = isinstance(seeds, Sequence) and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds)
    if not integers or not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise UsageError(f"`{key}` must be a list of different integers >= 0", found=seeds)


def _labelled(what: str, lines: Mapping[str, str]) -> list[tuple[str, str, tuple[str, ...]]]:
    found = [(key, label, words) for key, line in lines.items() for label, words in expand(key, line)]
    labels = [label for _, label, _ in found]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(f"the labels of `table.{what}` must differ", found=f"{twice} twice")
    return found
