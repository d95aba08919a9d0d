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


def _table(name: str, measurements: list[dict[str, Any]]) -> Table:
    rows: dict[tuple[str, str | None, str], dict[str, dict[str, Any]]] = {}
    for m in measurements:
        rows.setdefault((m["name"], m["judge"], m["unit"]), {})[m["subject"]] = m
    present = {m["subject"] for m in measurements}
    columns = [s for s in ORDER if s in present] + sorted(present - set(ORDER))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(name)
    for column in columns:
        table.add_column(column, justify="right")
    for (quantity, judge, unit), cells in rows.items():
        title = quantity.replace("_", " ") + (f" ({judge})" if judge else "") + (f", {unit}" if unit else "")
        table.add_row(title, *[_cell(cells.get(column)) for column in columns])
    return table


def _cell(m: Mapping[str, Any] | None) -> str:
    if m is None or m["value"] is None:
        return "-"
    value = f"{m['value']:.4g}"
    return value if m["low"] is None else f"{value} ({m['low']:.3g} to {m['high']:.3g})"
