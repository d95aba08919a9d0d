"""The findings of an audit as tables: a row a quantity, a column a model; the sentences first."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from gsu_cli.report.audit_titles import row_words
from gsu_cli.report.formats import markdown as as_markdown
from gsu_cli.report.formats.terminal import grids
from gsu_cli.report.table import HOLE, Cell, Column, Table

FILE = "audit.json"
PARTS = ("measurements", "curves", "sentences")  # of a probe
OF_ONE = {  # what is read of each entry of a part
    "measurements": {"name", "subject", "judge", "unit", "value", "low", "high", "n", "reason"},
    "curves": {"name", "judge", "unit", "along", "points"},
}
ORDER = ("original", "unlearned", "retrained")


def read(folder: Path) -> dict[str, Any] | None:
    """The findings that lie in a folder; None where there are none that can be read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    probes = found.get("probes") if isinstance(found, dict) else None
    if not isinstance(probes, dict) or not all(_is_probe(p) for p in probes.values()):
        return None
    return dict(found)


def _is_probe(found: object) -> bool:
    return isinstance(found, dict) and all(
        isinstance(found.get(part), list) and all(_is_entry(part, entry) for entry in found[part]) for part in PARTS
    )


def _is_entry(part: str, entry: object) -> bool:
    if part not in OF_ONE:
        return isinstance(entry, str)
    return isinstance(entry, dict) and entry.keys() >= OF_ONE[part]


def sentences(found: Mapping[str, Any]) -> list[str]:
    """What the probes say, in the order in which they ran."""
    return [line for probe in found["probes"].values() for line in probe["sentences"]]


def notes(found: Mapping[str, Any]) -> list[str]:
    """What a reader of any number must know; findings of an older gsu have none."""
    return [str(note) for note in found.get("notes") or ()]


def tables(found: Mapping[str, Any]) -> list[Table]:
    """A table a probe; nulls carry their reasons as notes."""
    return [_table(name, p["measurements"]) for name, p in found["probes"].items() if p["measurements"]]


def render(found: Mapping[str, Any], folder: object, console: Console, said: Container[str] = ()) -> None:
    """Prints the findings; what was ``said`` while the audit was at work is not said again."""
    lines = [Text(line, style="bold") for line in sentences(found)]
    console.print(Group(*lines, grids(tables(found))))
    for note in (note for note in notes(found) if note not in said):
        console.print(Text(f"NOTE  {note}", style="bold yellow"))
    console.print(Text(f"all of it, and the figures, lie in {folder}"), soft_wrap=True)


def markdown(found: Mapping[str, Any]) -> str:
    """The same as Markdown."""
    said = [*sentences(found), *(f"Note: {note}" for note in notes(found))]
    parts = ["\n".join(f"- {line}" for line in said), *map(as_markdown.render, tables(found))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table(name: str, measurements: list[dict[str, Any]]) -> Table:
    by_title: dict[str, dict[str, dict[str, Any]]] = {}
    for m in measurements:
        by_title.setdefault(_title(m), {})[m["subject"]] = m
    present = {m["subject"] for m in measurements}
    models = [s for s in ORDER if s in present] + sorted(present - set(ORDER))
    columns = [Column("quantity", form="text", is_key=True), *(Column(model) for model in models)]
    rows = [(Cell(title), *(_cell(cells.get(model)) for model in models)) for title, cells in by_title.items()]
    return Table(name, tuple(columns), tuple(rows))


def _title(m: Mapping[str, Any]) -> str:
    by, unit = f" ({m['judge']})" if m["judge"] else "", f", {m['unit']}" if m["unit"] not in ("", "share") else ""
    return f"{row_words(m['name'])}{by}{unit}"


def _cell(m: Mapping[str, Any] | None) -> Cell:
    if m is None:
        return Cell(HOLE)
    return Cell(value=m["value"], low=m["low"], high=m["high"], n=m["n"], note=m["reason"] or "")
