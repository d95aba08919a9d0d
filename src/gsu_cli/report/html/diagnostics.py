"""What a method noted about its own step, as tables: layer by layer, and whatever else is a mapping of numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gsu_cli.report.details import number
from gsu_cli.report.numbers import Shift, digits
from gsu_cli.report.run_table import HEADS, rows, subjects
from gsu_cli.report.table import Cell, Column, Table
from gsu_cli.run.record import Record

LONGEST = 2000  # characters of anything that is not a table
SCALARS = ("shots", "step_norm", "relative_norm", "cosine", "surviving_share")


@dataclass(frozen=True)
class Diagnostics:
    """Tables of numbers, and the rest as JSON text by name."""

    tables: list[Table] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def diagnostics(record: Record) -> Diagnostics:
    """All of ``record.update``."""
    update, found = record.update, Diagnostics()
    details: dict[str, Any] = dict(update.get("details") or {})
    scalars = {name: update[name] for name in SCALARS if number(update.get(name))}
    for part in ("predicted", "realised"):
        known = {name: v for name, v in (update.get(part) or {}).items() if number(v)}
        scalars |= {f"{part} change of the {name} loss": v for name, v in known.items()}
    scalars |= {name: value for name, value in details.items() if number(value)}
    if scalars:
        found.tables.append(_grid("The step", "quantity", {"value": scalars}))
    layers = details.get("movement_per_layer")
    by_layer: dict[str, Mapping[str, Any]] = {}
    inner = details.pop("diagnostics", None)
    if isinstance(inner, Mapping):
        details |= {f"{k} (diagnostics)" if k in details else k: v for k, v in inner.items()}
    for name, value in details.items():
        if number(value):
            continue
        if isinstance(layers, Mapping) and _is_row(value) and set(value) - {"all"} <= set(layers):
            by_layer[name.removesuffix("_per_layer")] = value
        elif _is_row(value):
            found.tables.append(_grid(name, "quantity", {"value": value}))
        elif isinstance(value, Mapping) and value and all(map(_is_row, value.values())):
            heads = dict.fromkeys(head for row in value.values() for head in row)
            turned = {head: {k: row[head] for k, row in value.items() if head in row} for head in heads}
            found.tables.append(_grid(name, "part", turned))
        else:
            text = json.dumps(value, indent=1, ensure_ascii=False)
            found.texts[name] = text if len(text) <= LONGEST else text[:LONGEST] + " ... (whole in record.json)"
    if by_layer:
        found.tables.append(_grid("Layer by layer", "layer", by_layer))
    return found


def measurements(record: Record) -> Table | None:
    """The closing table of a run with intervals; None where nothing was measured."""
    if not record.measurements:
        return None
    shown = subjects(record)
    changed = {"original", "unlearned"} <= set(shown)
    columns = [Column("quantity", form="text"), *(Column(HEADS[s]) for s in shown)]
    if changed:
        columns.append(Column("change", form="change"))
    out = []
    for row in rows(record, every_place=True):
        cells = [Cell(row.title)]
        for s in shown:
            m = row.cells.get(s)
            if m is None or m.value is None:
                cells.append(Cell(note=f"not measured: {m.reason}" if m else "not measured on these weights"))
            else:
                cells.append(Cell(digits(m), m.value, m.low, m.high, m.n, m.detail))
        if changed and isinstance(row.change, Shift):
            within = row.change.interval()
            cells.append(Cell(str(row.change), note=f"{row.change.why}{f'; {within}' if within else ''}"))
        elif changed and row.change is not None:
            cells.append(Cell(str(row.change), row.change.value, row.change.low, row.change.high))
        elif changed:
            cells.append(Cell(note="no change without two measurements"))
        out.append(tuple(cells))
    return Table("", tuple(columns), tuple(out))


def _grid(title: str, head: str, columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row per key of the columns; None, and what a column does not have, is a hole."""
    lines = []
    for name in dict.fromkeys(name for values in columns.values() for name in values):
        found = [values.get(name) for values in columns.values()]
        cells = [Cell(note="does not exist here") if v is None else Cell(f"{v:.4g}", float(v)) for v in found]
        lines.append((Cell(str(name)), *cells))
    heads = (Column(head, form="text"), *(Column(name.replace("_", " ")) for name in columns))
    return Table(title.replace("_", " "), heads, tuple(lines))


def _is_row(value: object) -> bool:
    """Whether it is a mapping to numbers, some of which may not exist."""
    return isinstance(value, Mapping) and bool(value) and all(v is None or number(v) for v in value.values())
