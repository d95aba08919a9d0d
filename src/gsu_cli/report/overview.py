"""Many runs at a glance: the tables of a report, the list of its runs, and what they differ in that nobody chose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gsu_cli.report.aggregate import aggregate
from gsu_cli.report.devices import computed_on, several
from gsu_cli.report.groups import distinct
from gsu_cli.report.keys import NOT_RECORDED, key, varied
from gsu_cli.report.memo import unchanged
from gsu_cli.report.quantities import GRADIENTS, SECONDS, Reading, brief, discover
from gsu_cli.report.settings import chosen
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.report.unsupported import beside, mark
from gsu_cli.run.record import Record

OF_THE_METHOD = ("method", "protocol")  # groups of the config of which a retrained model knows nothing


@unchanged()
def tables(records: Sequence[Record], by: Sequence[str]) -> list[Table]:
    """The table of what was unlearned; where models retrained without the forgotten data were measured, theirs, too."""
    kept, _ = distinct(record for record in records if record.verb == "unlearn")
    found = [aggregate(records, by, title="Unlearned")] if kept else []
    references = _references(kept)
    if references:
        mine = ("dataset", "data", "checkpoint", "weights", "forget", "slug")
        other = (*OF_THE_METHOD, "status", "verb", "seed", "seeds")
        keys = [k for k in by if k in mine or k.split(".")[0] not in other] or ["forget"]
        measured = [q for q in discover(references, "retrained") if q not in (SECONDS, GRADIENTS)]
        found.append(aggregate(references, keys, measured, title="Retrained without the forgotten data"))
    return [
        replace(t, columns=tuple(replace(c, head=c.head.removesuffix(", retrained")) for c in t.columns)) for t in found
    ]


def _references(records: Sequence[Record]) -> list[Record]:
    """A run of each measurement of a retrained model: beside every method the same weights are measured again.

    The same weights at the same latents are one measurement where the settings agree. Of a list from before records had
    settings they agree with those of a run by which judges saw the same.
    """
    found: dict[tuple[object, ...], Record] = {}
    for record in records:
        weights = next((m.sha256 for m in record.measurements if m.subject == "retrained"), None)
        if weights:
            judged = [f"{k}={v}" for k, v in chosen(record).items() if k.split(".")[0] not in OF_THE_METHOD]
            found.setdefault((weights, record.seeds.get("evaluate"), *judged), record)
    whole = [(place[:2], _seen(record)) for place, record in found.items() if place[2:]]
    return [
        _without_method(record)
        for place, record in found.items()
        if place[2:] or not any(place == other and _within(_seen(record), seen) for other, seen in whole)
    ]


def _seen(record: Record) -> dict[tuple[object, ...], float]:
    """What judges saw in samples of the retrained model."""
    return {
        (m.name, m.judge, m.n): m.value
        for m in record.measurements
        if m.subject == "retrained" and m.judge and m.value is not None
    }


def _within(some: dict[tuple[object, ...], float], more: dict[tuple[object, ...], float]) -> bool:
    """Whether each number is among the others, but for rounding."""
    return all(math.isclose(value, more.get(name, math.inf), rel_tol=1e-6) for name, value in some.items())


def _without_method(record: Record) -> Record:
    """The run as far as its retrained model is concerned, which no method has touched."""
    data = {**record.inputs.get("dataset", {}), "name": key(record, "dataset")}
    config = {k: v for k, v in record.config.items() if k not in OF_THE_METHOD} | {"method": None}
    return replace(record, config=config, inputs={**record.inputs, "dataset": data}, update={}, command=[])


def listing(runs: Sequence[tuple[Path, Record]]) -> Table:
    """A row per run."""
    named = ("verb", "dataset", "forget", "method", *varied([r for _, r in runs]))
    columns = [Column(k, form="text", is_key=True) for k in ("run", *named, "seed")]
    found = discover([r for _, r in runs])
    quantities = [*brief(found), SECONDS]
    columns += [Column("status", form="text"), *(q.column() for q in quantities)]
    rows = []
    for i, (_, record) in enumerate(runs):
        cells = [Cell(f"#{i}"), *(Cell(_or_dash(key(record, k))) for k in named)]
        cells += [Cell(_or_dash(key(record, "seed"))), Cell(record.status)]
        for quantity in quantities:
            reading = quantity.read(record) if record.status == "done" else Reading(None)
            notes = (beside([record], quantity), mark([record], quantity)) if record.status == "done" else ()
            note = "; ".join(filter(None, notes))
            label = str(reading.shift) if reading.shift else "-"
            cells.append(
                Cell(label, note=note if reading.shift else "")
                if reading.value is None
                else Cell(value=reading.value, note=note)
            )
        rows.append(tuple(cells))
    return Table("All runs", tuple(columns), tuple(rows))


def mixed_versions(records: Sequence[Record]) -> list[str]:
    """Packages and machines that differ between runs: numbers are bit-identical only for the same."""
    facts = (
        (name, value)
        for record in records
        for name, value in (
            *record.versions.items(),
            ("machine", str(record.device.get("machine") or "")),
            ("device", computed_on(record)),
        )
        if value
    )
    return [f"{what}: {'; '.join(found)}" for what, found in several(facts).items()]


def _or_dash(text: str) -> str:
    return "-" if text == NOT_RECORDED else text
