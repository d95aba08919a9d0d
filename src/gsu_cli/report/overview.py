"""Many runs at a glance: the tables of a report, the list of its runs, and what they differ in that nobody chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.groups import distinct
from gsu_cli.report.keys import NOT_RECORDED, key, varied
from gsu_cli.report.marks import mark
from gsu_cli.report.once import unchanged
from gsu_cli.report.quantities import GRADIENTS, SECONDS, Reading, brief, discover
from gsu_cli.report.settings import chosen
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.run.record import Record

OF_THE_METHOD = ("method", "protocol")  # groups of the config of which a retrained model knows nothing


@unchanged()
def tables(records: Sequence[Record], by: Sequence[str]) -> list[Table]:
    """The table of what was unlearned; where models retrained without the forgotten data were measured, theirs, too."""
    kept, _ = distinct(record for record in records if record.verb == "unlearn")
    found = [aggregate(records, by, title="Unlearned")] if kept else []
    references: dict[tuple[object, ...], Record] = {}
    for record in kept:
        weights = next((m.sha256 for m in record.measurements if m.subject == "retrained"), None)
        if weights:  # measured again beside every method: the same weights at the same latents are one measurement
            judged = [f"{k}={v}" for k, v in chosen(record).items() if k.split(".")[0] not in OF_THE_METHOD]
            references.setdefault((weights, record.seeds.get("evaluate"), *judged), _without_method(record))
    if references:
        mine = ("dataset", "data", "checkpoint", "weights", "forget", "slug")
        other = (*OF_THE_METHOD, "status", "verb", "seed", "seeds")
        keys = [k for k in by if k in mine or k.split(".")[0] not in other] or ["forget"]
        measured = [q for q in discover(references.values(), "retrained") if q not in (SECONDS, GRADIENTS)]
        found.append(aggregate(references.values(), keys, measured, title="Retrained without the forgotten data"))
    return [
        replace(t, columns=tuple(replace(c, head=c.head.removesuffix(", retrained")) for c in t.columns)) for t in found
    ]


def _without_method(record: Record) -> Record:
    """The run as far as its retrained model is concerned, which no method has touched."""
    data = {**record.inputs.get("dataset", {}), "name": key(record, "dataset")}
    config = {k: v for k, v in record.config.items() if k not in OF_THE_METHOD} | {"method": None}
    return replace(record, config=config, inputs={**record.inputs, "dataset": data}, update={}, command=[])


def listing(runs: Sequence[tuple[Path, Record]]) -> Table:
    """A row per run."""
    named = ("verb", "dataset", "forget", "method", *varied([r for _, r in runs]))
    columns = [Column("run", form="text"), *(Column(k, form="text") for k in named), Column("seed", form="text")]
    found = discover([r for _, r in runs])
    quantities = [*brief(found), SECONDS]
    columns += [Column("status", form="text"), *(q.column() for q in quantities)]
    rows = []
    for i, (_, record) in enumerate(runs):
        cells = [Cell(f"#{i}"), *(Cell(_or_dash(key(record, k))) for k in named)]
        cells += [Cell(_or_dash(key(record, "seed"))), Cell(record.status)]
        for quantity in quantities:
            reading = quantity.read(record) if record.status == "done" else Reading(None)
            note = mark([record], quantity) if record.status == "done" else ""
            label = str(reading.shift) if reading.shift else "-"
            cells.append(Cell(label) if reading.value is None else Cell(value=reading.value, note=note))
        rows.append(tuple(cells))
    return Table("All runs", tuple(columns), tuple(rows))


def mixed_versions(records: Sequence[Record]) -> list[str]:
    """Packages and machines that differ between runs: numbers are bit-identical only for the same."""
    values: dict[str, set[str]] = {}
    for record in records:
        for package, version in record.versions.items():
            values.setdefault(package, set()).add(version)
        if record.device.get("machine"):
            values.setdefault("machine", set()).add(str(record.device["machine"]))
    return [f"{what}: {', '.join(sorted(found))}" for what, found in values.items() if len(found) > 1]


def _or_dash(text: str) -> str:
    return "-" if text == NOT_RECORDED else text
