"""What a method noted about its own step, as tables: layer by layer, and whatever else is a mapping of numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gsu_cli.report.numbers import digits
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
    details = update.get("details") or {}
    scalars = {name: update[name] for name in SCALARS if update.get(name) is not None}
    for part in ("predicted", "realised"):
        scalars |= {f"{part} change of the {name} loss": v for name, v in (update.get(part) or {}).items()}
    scalars |= {name: value for name, value in details.items() if _is_number(value)}
    if scalars:
        found.tables.append(_mapping("The step", "quantity", "value", scalars))
    for name, value in details.items():
        if isinstance(value, Mapping) and value and all(map(_is_number, value.values())):
            heads = ("layer", "movement, relative") if name == "movement_per_layer" else ("quantity", "value")
            found.tables.append(_mapping(name.replace("_", " "), *heads, value))
        elif not _is_number(value):
            text = json.dumps(value, indent=1, ensure_ascii=False)
            found.texts[name] = text if len(text) <= LONGEST else text[:LONGEST] + " ... (whole in record.json)"
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
    for row in rows(record):
        cells = [Cell(row.title)]
        for s in shown:
            m = row.cells.get(s)
            if m is None or m.value is None:
                cells.append(Cell(note=f"not measured: {m.reason}" if m else "not measured on these weights"))
            else:
                cells.append(Cell(digits(m), m.value, m.low, m.high, m.n))
        if changed and row.change is not None:
            cells.append(Cell(str(row.change), row.change.value, row.change.low, row.change.high))
        elif changed:
            cells.append(Cell(note="no change without two measurements"))
        out.append(tuple(cells))
    return Table("", tuple(columns), tuple(out))


def _mapping(title: str, name: str, value: str, numbers: Mapping[str, Any]) -> Table:
    rows = tuple((Cell(str(k)), Cell(f"{v:.4g}", float(v))) for k, v in numbers.items())
    return Table(title, (Column(name, form="text"), Column(value)), rows)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
