"""From records alone to means with intervals: over seeds within a cell, over cells within a group.

A *cell* is one setting: data set, checkpoint, forget spec and method config; its runs differ in their seeds. Runs of
one cell are averaged first, because ten seeds of one digit are no ten digits. The interval is Student's: over the cells
of a group, or over the seeds where a group is one cell. A run that failed, or that lacks a number, is never a number
here: it is counted, with its reason.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

from gsu_cli.report.devices import of_several
from gsu_cli.report.groups import Extreme, Group, Statistic, distinct, group, mixed
from gsu_cli.report.merged_remarks import in_one
from gsu_cli.report.quantities import Quantity, discover
from gsu_cli.report.sweep import labels
from gsu_cli.report.table import Cell, Column, Form, Table, number
from gsu_cli.report.unsupported import beside, mark
from gsu_cli.run.record import Record

NOT_RUN = "not run"  # the error of a cell that no run was made of
ONE_MODEL = "the same weights in all runs: ± is of samples and noise alone, not of making them again"
FOOTNOTES = (
    "percentages are relative changes from the original weights",
    "± is half of Student's 95 % interval: over settings, each the mean of its seeds; over seeds where a row is one",
)


def table_of(groups: Sequence[Group], by: Sequence[str], quantities: Sequence[Quantity], *, title: str = "") -> Table:
    """One row a group: its keys, a column per quantity, the worst cell by each judge, runs and failures."""
    columns = [Column(name, form="text", name=name, is_key=True) for name in by]
    found = [[g.statistic(q) for q in quantities] for g in groups]
    by_judge = [i for i, q in enumerate(quantities) if q.role == "forgetting" and q.leads and q.judge]
    worst = [i for i in by_judge if any(row[i].worst for row in found)]
    first = {q.judge: i for i, q in reversed(list(enumerate(quantities))) if i in worst}
    for i, q in enumerate(quantities):
        columns.append(q.column())
        if i in worst:
            head, name = f"worst ({q.by or q.judge})", f"worst.{q.judge}"
            if first[q.judge] != i:  # a second claim by the same judge
                head, name = f"worst {q.title}", f"worst.{q.key}"
            columns.append(Column(head, better=q.better, form=q.column().form, name=name))
    columns += [Column(name, form="count", name=name) for name in ("runs", "failed")]
    rows = []
    for g, stats in zip(groups, found, strict=True):
        cells = [Cell(value or "-") for value in g.values]
        for i, s in enumerate(stats):
            said = (beside(g.done, quantities[i]), _one_model(g, s, quantities[i]), mark(g.done, quantities[i]))
            cells.append(reduce(_noted, said, _cell(g, s)))
            if i in worst:
                cells.append(_worst(s.worst, quantities[i].column().form))
        cells += [Cell(value=len(g.done)), Cell(value=len(g.failed), note=_failures(g))]
        rows.append(tuple(cells))
    return Table(title, tuple(columns), tuple(rows), FOOTNOTES)


def aggregate(
    records: Iterable[Record], by: Sequence[str], quantities: Sequence[Quantity] | None = None, *, title: str = ""
) -> Table:
    """The table of ``records`` by ``by``; quantities are those found in the records unless given.

    Runs of verbs that measure nothing unlearned are left out; repeated runs count once.
    """
    kept, repeated = distinct(r for r in records if r.verb == "unlearn")
    table = table_of(group(kept, by), by, discover(kept) if quantities is None else quantities, title=title)
    notes = [f"{repeated} run{'s' * (repeated > 1)} repeated another on the same inputs; the latest counts"]
    more = (*(notes if repeated else []), *mixed(kept, by), *of_several(kept))
    return replace(table, footnotes=(*table.footnotes, *more))


def _noted(cell: Cell, more: str) -> Cell:
    return replace(cell, note="; ".join(filter(None, (cell.note, more)))) if more else cell


def _cell(g: Group, s: Statistic) -> Cell:
    reasons = "; ".join(in_one(s.missing))
    if s.mean is None and s.shifts:
        mean = replace(s.shifts[0], value=statistics.fmean(x.value for x in s.shifts), low=None, high=None)
        return Cell(str(mean), note=f"{s.shifts[0].why}: {reasons}")
    if s.mean is None and g.inapplicable and not g.done and not g.failed:
        return Cell("n/a", note=g.inapplicable[0].reason)
    if s.mean is None:
        absent = not g.done and all(r.error == NOT_RUN for r in g.failed)
        said = reasons if reasons.startswith("not measured") else f"not measured: {reasons}"
        return Cell(note=said if reasons else NOT_RUN if absent else "no run ended well")
    note = f"rests on {s.n} of {len(g.done)} runs: {reasons}" if s.missing else ""
    if s.low is None and s.n > 1:
        note = "; ".join(filter(None, (note, "no interval: the same in every run")))
    return Cell(value=s.mean, low=s.low, high=s.high, n=s.n, note=note)


def _one_model(g: Group, s: Statistic, quantity: Quantity) -> str:
    """That an interval over seeds holds no seed of training, where all runs measured the same weights."""
    if s.low is None or s.cells > 1 or quantity.kind not in ("change", "level"):
        return ""
    read = (r for r in g.done if quantity.read(r).value is not None)
    found = [r.find(quantity.name, quantity.subject, quantity.judge) for r in read]
    made = {m.sha256 for m in found if m is not None}
    return ONE_MODEL if len(made) == 1 and None not in made else ""


def _worst(extreme: Extreme | None, form: Form) -> Cell:
    if extreme is None:
        return Cell(note="the row is a single setting")
    return Cell(f"{number(extreme.value, form)} {extreme.label}".rstrip(), extreme.value)


def _failures(g: Group) -> str:
    """What went wrong, each reason once, behind the runs that share it; of what was not run, how many."""
    failed = [r for r in g.failed if r.error != NOT_RUN]
    names = labels([*failed, *g.done]) if len(failed) + len(g.done) > 1 else [""]  # the row says which it is
    said: dict[str, list[str]] = {}
    for name, record in zip(names, failed, strict=False):
        error = (record.reason or "no error was noted; killed, or still at work").splitlines()[0]
        said.setdefault(f"{record.status}: {error}", []).append(name or "a run")
    absent = [f"{len(g.failed) - len(failed)} {NOT_RUN}"] if len(g.failed) > len(failed) else []
    return "; ".join([*(f"{', '.join(names)} {reason}" for reason, names in said.items()), *absent])
