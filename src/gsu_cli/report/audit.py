"""The findings of an audit as tables: a row a quantity, a column a model; the sentences first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

ORDER = ("original", "unlearned", "retrained")


def render(found: Mapping[str, Any], folder: object, console: Console) -> None:
    """Prints the findings."""
    parts: list[Any] = [Text(line, style="bold") for line in sentences(found)]
    for name, probe in found["probes"].items():
        if probe["measurements"]:
            parts.append(_table(name, probe["measurements"]))
    console.print(Group(*parts))
    console.print(Text(f"all of it lies in {folder}"), soft_wrap=True)


def sentences(found: Mapping[str, Any]) -> list[str]:
    """What the probes say, in the order in which they ran."""
    return [line for probe in found["probes"].values() for line in probe["sentences"]]


def markdown(found: Mapping[str, Any]) -> str:
    """The same as Markdown; a probe's nulls stand below it with their reasons."""
    parts = ["\n".join(f"- {line}" for line in sentences(found))]
    for name, probe in found["probes"].items():
        if not probe["measurements"]:
            continue
        columns, rows = _grid(probe["measurements"])
        lines = [f"| {' | '.join([name, *columns])} |", "|---" * (len(columns) + 1) + "|"]
        parts.append("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))
        reasons = {f"- {_title(m)}: not measured, {m['reason']}": None for m in probe["measurements"] if m["reason"]}
        parts += ["\n".join(reasons)] if reasons else []
    return "\n\n".join(parts) + "\n"


def _table(name: str, measurements: list[dict[str, Any]]) -> Table:
    columns, rows = _grid(measurements)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(name)
    for column in columns:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _grid(measurements: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The models, and of each quantity its title and a cell a model."""
    by_title: dict[str, dict[str, dict[str, Any]]] = {}
    for m in measurements:
        by_title.setdefault(_title(m), {})[m["subject"]] = m
    present = {m["subject"] for m in measurements}
    columns = [s for s in ORDER if s in present] + sorted(present - set(ORDER))
    return columns, [[title, *(_cell(cells.get(c)) for c in columns)] for title, cells in by_title.items()]


def _title(m: Mapping[str, Any]) -> str:
    by, unit = f" ({m['judge']})" if m["judge"] else "", f", {m['unit']}" if m["unit"] else ""
    return f"{m['name'].replace('_', ' ')}{by}{unit}"


def _cell(m: Mapping[str, Any] | None) -> str:
    if m is None or m["value"] is None:
        return "-"
    value = f"{m['value']:.4g}"
    return value if m["low"] is None else f"{value} ({m['low']:.3g} to {m['high']:.3g})"
