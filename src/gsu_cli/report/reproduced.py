"""The table of ``gsu reproduce`` from the records of its cells: means over seeds, holes with their reasons."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from gsu_cli.errors import did_you_mean
from gsu_cli.report.aggregate import NOT_RUN, table_of
from gsu_cli.report.columns import blocks, total
from gsu_cli.report.compact import write_compact
from gsu_cli.report.devices import of_several
from gsu_cli.report.figures.files import file_name, standalone
from gsu_cli.report.figures.pareto import pareto
from gsu_cli.report.figures.sweeps import sweeps
from gsu_cli.report.formats import RENDER, SUFFIXES
from gsu_cli.report.formats.terminal import grid
from gsu_cli.report.groups import Group
from gsu_cli.report.keys import default_keys
from gsu_cli.report.quantities import ASIDE, Quantity, discover
from gsu_cli.report.run_table import HEADS
from gsu_cli.report.table import Cell, Table
from gsu_cli.run.files import write_text
from gsu_cli.run.record import Record
from gsu_cli.tables.cell import Outcome
from gsu_cli.tables.expectation import Expectation
from gsu_cli.tables.spec import TableSpec
from gsu_cli.tables.store import CELLS

BY = ("row", "column")
FORMATS = ("markdown", "csv", "latex", "json")
MEAN = "mean"
REFERENCES = frozenset(HEADS[subject] for subject in ("original", "retrained", "data"))


def table(spec: TableSpec, outcomes: Sequence[Outcome]) -> Table:
    """Rows in the order of the spec: for each row what stands beside, then its columns; at the end the means."""
    outcomes = [_of_what_is_shown(o, spec.show) for o in outcomes]
    groups = []
    for row in dict.fromkeys(o.cell.row for o in outcomes) if spec.mean != "only" else ():
        own = [o for o in outcomes if o.cell.row == row]
        groups += [g for subject in spec.references if (g := _beside(row, subject, own)) is not None]
        groups += _sorted([_group(row, column, own) for column in _columns(own)], spec.sort)
    for label, over in _means(spec, outcomes):
        groups += [g for subject in spec.references if (g := _beside(label, subject, over)) is not None]
        groups += _sorted([_group(label, column, over) for column in _columns(over)], spec.sort)
    quantities = quantities_of(spec, outcomes)
    found = table_of(groups, BY, quantities, title=spec.title or spec.name)
    rows = _without_what_references_lack(found, quantities)
    rows += [_published(words, found) for words in spec.published]
    ended = [o.record for o in outcomes if o.done and o.record is not None]
    return replace(found, rows=tuple(rows), footnotes=(*found.footnotes, *of_several(ended)))


def _of_what_is_shown(outcome: Outcome, show: Sequence[str] | None) -> Outcome:
    """Without the options of metrics that the table leaves out: two seeds are two settings by none of them."""
    metrics = outcome.record.config.get("metric") if outcome.record is not None else None
    if show is None or outcome.record is None or not isinstance(metrics, Mapping):
        return outcome
    names = {word.partition(".")[0] for word in show}
    config = {**outcome.record.config, "metric": {k: v for k, v in metrics.items() if k in names}}
    return replace(outcome, record=replace(outcome.record, config=config))


def _means(spec: TableSpec, outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Label and cells of each block of means: over the rows that all columns have, then, of the rest, over all rows."""
    if not spec.mean:
        return []
    if spec.mean == "each":
        entries = dict.fromkeys(o.cell.entry for o in outcomes)
        return [(f"{MEAN} of {entry}", [o for o in outcomes if o.cell.entry == entry]) for entry in entries]
    if not spec.subset:
        return [(MEAN, list(outcomes))]
    common = [o for o in outcomes if o.cell.row in spec.subset["rows"]]
    full = [o for o in outcomes if not spec.in_subset(o.cell.column)]
    every = len({o.cell.row for o in outcomes})
    return [(f"{MEAN} of {', '.join(spec.subset['rows'])}", common), (f"{MEAN} of all {every}", full)]


def quantities_of(spec: TableSpec, outcomes: Sequence[Outcome]) -> list[Quantity]:
    """What the records hold, or of it what the spec names; with ``absolute`` the numbers, and changes of what leads."""
    found = discover(o.record for o in outcomes if o.done and o.record is not None)
    if spec.show is not None:
        found = [q for q in found if _called(q).intersection(spec.show)]
    if not spec.absolute:
        return found
    both = []
    for q in found:
        both.append(replace(q, kind="level") if q.kind == "change" else q)
        if q.kind == "change" and q.leads and q.judge:
            both.append(replace(q, head=f"change of {q.title}"))
    return both


def _called(q: Quantity) -> set[str]:
    """What ``show`` may call a quantity: its name, its role, and as `gsu report columns=` does."""
    return {word for word in (q.name, q.role, q.key) if word}


def unmeasured(spec: TableSpec, outcomes: Sequence[Outcome]) -> list[str]:
    """Names of ``show`` and ``sort`` that no finished cell measured, in words: a slip there only leaves something out.

    What an option alone brings, as the search of a protocol, may be named and not be there.
    """
    quantities = discover(o.record for o in outcomes if o.done and o.record is not None)
    if not quantities:
        return []
    names = {word for q in (*ASIDE, *quantities) for word in _called(q)}
    sortable = {q.key for q in quantities if q.kind == "change"}
    asked = [("show", name, names) for name in spec.show or ()]
    asked += [("sort", spec.sort, sortable)] if spec.sort else []
    return [
        f"`table.{key}` names {name}, which no cell measured. {did_you_mean(name, sorted(known))}".strip()
        for key, name, known in asked
        if name not in known
    ]


def missed(spec: TableSpec, outcomes: Sequence[Outcome]) -> list[str]:
    """What is pinned and does not hold, in words; a number that is not there does not hold."""
    return [words for expected in spec.expect if (words := _missed(expected, outcomes))]


def write_table(folder: Path, spec: TableSpec, outcomes: Sequence[Outcome], command: Sequence[str]) -> Table:
    """Writes ``table.md``, ``.csv``, ``.tex``, ``.json``, and what stands behind the entries.

    ``cells.json`` names the folder and the commit of each run; ``records.json`` holds their records, compact, for
    `gsu report`.

    Args:
        folder: of these files.
        spec: what the table is.
        outcomes: of all its cells.
        command: the words that made it.

    Returns:
        The table.
    """
    found = table(spec, outcomes)
    found = replace(found, footnotes=(*found.footnotes, f"made by {shlex.join(command)}"))
    ended = [o.record for o in outcomes if o.key and o.record is not None]
    write_compact(folder / "records.json", ended)
    for name, picture in pictures(spec, outcomes).items():
        write_text(folder / name, picture)
    for name in FORMATS:
        write_text(folder / f"table{SUFFIXES[name]}", RENDER[name](found))
    places = [word for word in command if word.startswith(("--config-dir=", "hydra.searchpath="))]  # for cells, too
    rows = [
        {
            "row": o.cell.row,
            "column": o.cell.column,
            "seed": o.cell.seed,
            "status": o.record.status if o.record is not None else "not run",
            "why": o.why,
            "folder": f"../{CELLS}/{o.key}" if o.key else None,
            "git": o.record.git if o.record is not None else {},
            "command": shlex.join(["gsu", "unlearn", *places, *o.cell.overrides]),
        }
        for o in outcomes
    ]
    write_text(folder / "cells.json", json.dumps(rows, indent=1) + "\n")
    return found


def pictures(spec: TableSpec, outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Name and text of the SVG files beside a table, as ``spec.plot`` says."""
    if spec.plot != "front":
        ended = [o.record for o in outcomes if o.key and o.record is not None]
        return {file_name(f): standalone(f) for f in sweeps(ended)} if spec.plot else {}
    found = {}
    for label, over in _means(spec, outcomes) or [("all", list(outcomes))]:
        done = [o.record for o in over if o.done and o.record is not None]
        figure = pareto(done, default_keys(done))
        if figure is not None:
            found[file_name(replace(figure, title=f"front {label}"))] = standalone(figure)
    return found


def print_table(found: Table, console: Console, width: int) -> None:
    """The same on the terminal: in parts of ``width`` characters, where no word of a number breaks, each with its keys.

    Args:
        found: the table.
        console: to print on.
        width: of its lines, in characters.
    """
    last = (parts := blocks(found, width))[-1]
    for part in parts:
        shown = part if part is last else replace(part, footnotes=())
        console.print(grid(shown, narrow=True), width=max(width, total(part)))


def _sorted(groups: list[Group], by: str | None) -> list[Group]:
    """By the mean change of a quantity, smallest first, those without one last; as they are where ``by`` is None."""
    if by is None:
        return groups
    means = [g.statistic(_quantity("change", by)).mean for g in groups]
    order = sorted(range(len(groups)), key=lambda i: (means[i] is None, means[i] or 0.0))
    return [groups[i] for i in order]


def _quantity(kind: Literal["change", "level"], name: str) -> Quantity:
    """From "feature_ratio.cnn"."""
    what, _, judge = name.partition(".")
    return Quantity(kind, what, judge or None)


def _columns(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(o.cell.column for o in outcomes))


def _group(row: str, column: str, outcomes: Sequence[Outcome]) -> Group:
    own = [o for o in outcomes if o.cell.column == column]
    blank = [Record("unlearn", status="failed", error=NOT_RUN, command=["gsu", "unlearn", *o.cell.overrides])
             for o in own if o.record is None]  # fmt: skip
    failed = [o.record for o in own if o.record is not None and not (o.done or o.inapplicable)]
    other = tuple(o.record for o in own if o.record is not None and o.inapplicable)
    return Group((row, column), tuple(o.record for o in own if o.record and o.done), (*failed, *blank), other)


def _beside(row: str, subject: str, outcomes: Sequence[Outcome]) -> Group | None:
    """What the cells measured on other weights; once a row and seed, since it does not depend on the method."""
    by_seed = {(o.cell.row, o.cell.seed): o.record for o in reversed(outcomes) if o.done and o.record is not None}
    records = [_as_unlearned(record, subject) for _, record in sorted(by_seed.items())]
    records = [r for r in records if any(m.subject == "unlearned" for m in r.measurements)]
    return Group((row, HEADS[subject]), tuple(records), ()) if records else None


def _as_unlearned(record: Record, subject: str) -> Record:
    original = [m for m in record.measurements if m.subject == "original"]
    own = [replace(m, subject="unlearned") for m in record.measurements if m.subject == subject]
    # neither the method nor its budget touches other weights: else runs of two methods would be two settings
    config = {**record.config, "method": {"_target_": subject}, "protocol": {}}
    return replace(record, measurements=[*original, *own], seconds={}, update={}, verdict={}, config=config, command=[])


def _without_what_references_lack(found: Table, quantities: Sequence[Quantity]) -> list[tuple[Cell, ...]]:
    """The rows; the original has no change from itself, no method ran on any reference: nothing is missing there."""
    worst = {i for i, c in enumerate(found.columns) if c.name.startswith("worst.")}
    after = (i for i in range(len(BY), len(found.columns)) if i not in worst)  # a worst cell stands behind its own
    kinds = {i: q.kind for i, q in zip(after, quantities, strict=False)}
    no_method = {i for i, kind in kinds.items() if kind in ("seconds", "update")}
    no_change = {i for i, kind in kinds.items() if kind == "change"} | worst
    blank = dict.fromkeys(REFERENCES, no_method) | {HEADS["original"]: no_method | no_change}
    return [
        tuple(Cell(" ") if i in blank.get(row[1].label, ()) else cell for i, cell in enumerate(row))
        for row in found.rows
    ]


def _published(words: Mapping[str, str], found: Table) -> tuple[Cell, ...]:
    """A row of others' figures, as they stand in print; what is not printed there is a hole."""
    heads = [column.head for column in found.columns]
    elsewhere = [f"{head} {figure}" for head, figure in words.items() if head not in (*heads, "source")]
    note = "; ".join([f"published: {words.get('source', 'no source given')}", *elsewhere])
    first = [Cell(words.get(head, " "), note=note if i == 0 else "") for i, head in enumerate(BY)]
    rest = [Cell(words[head]) if head in words else Cell(note="not published") for head in heads[len(BY) :]]
    return (*first, *rest)


def _missed(expected: Expectation, outcomes: Sequence[Outcome]) -> str:
    rows = [o for o in outcomes if expected.row in (None, o.cell.row) and expected.column in (None, o.cell.column)]
    done = tuple(o.record for o in rows if o.record and o.done)
    found = Group((), done, ()).statistic(_quantity(expected.kind, expected.name))
    where = ", ".join(x for x in (expected.row, expected.column) if x) or "all cells"
    what = f"{expected.kind} of {expected.name} for {where}"
    low, high = expected.between
    if found.mean is None:
        return f"{what} has no number"
    return "" if low <= found.mean <= high else f"{what} is {found.mean:.4g}, not within {low:g} and {high:g}"
