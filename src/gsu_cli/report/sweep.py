"""The closing table of a sweep: a row per cell, failed cells included."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from gsu_cli.errors import NotApplicableError
from gsu_cli.report.formats.terminal import Lines, line_length
from gsu_cli.report.headline import headline
from gsu_cli.report.quantities import Quantity, brief, discover
from gsu_cli.report.runs import find_runs
from gsu_cli.report.sweep_width import fitting
from gsu_cli.report.table import HOLE, number
from gsu_cli.report.unsupported import beside, mark
from gsu_cli.run.record import Record

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
MARK = "*"  # of a number that supports no claim, or of a budget overspent


def cells(record: Record, shown: Sequence[Quantity]) -> tuple[str, ...]:
    """The changes of one cell, from its record alone, and its seconds.

    What a judge saw has a mark where it supports no claim, the cost where its budget is overspent.
    """
    return (
        *(_cell(record, quantity) for quantity in shown),
        f"{record.seconds['unlearn']:.1f}" if "unlearn" in record.seconds else "-",
    )


def _cell(record: Record, quantity: Quantity) -> str:
    reading = quantity.read(record)
    if reading.value is None and reading.shift is None:
        return HOLE
    text = str(reading.shift) if reading.shift else number(reading.value or 0.0, quantity.column().form)
    return f"{text}{MARK}" if mark([record], quantity) else text


def labels(records: Sequence[Record]) -> list[str]:
    """For each record the words of its command that not all have in common: "method.lr=0.001 seed=2"."""
    shared = set.intersection(*(set(r.command) for r in records)) if len(records) > 1 else set()
    return [" ".join(word for word in r.command[2:] if word not in shared) for r in records]


def in_order(label: str) -> list[tuple[str, float, str]]:
    """Sorts labels by their numbers as numbers."""
    parts = (word.partition("=") for word in label.split())
    return [(key, float(value) if NUMBER.fullmatch(value) else 0.0, value) for key, _, value in parts]


def print_sweep(folder: Path) -> int:
    """Prints the table for all records below ``folder``; returns how many cells failed.

    Raises:
        NotApplicableError: the method of no cell applies to its model, so nothing was computed.
    """
    runs, broken = find_runs(folder)
    if not (runs or broken):  # it was stopped before
        return 0
    varied = labels([record for _, record in runs])
    names = varied if len(set(varied)) == len(runs) else [str(path.relative_to(folder)) for path, _ in runs]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    records = [record for _, record in runs]
    found = brief(discover(records))
    shown = [q for q in found if any(_cell(record, q) != HOLE for record in records)]
    console = Lines(highlight=False, width=line_length())
    heads = ("cell", "status", *(q.title for q in shown), "seconds")
    lines = [(name, record.status, *cells(record, shown)) for name, (_, record) in zip(names, runs, strict=True)]
    widths, left_out = fitting(heads, lines, console.width)
    for i, width in widths.items():
        table.add_column(heads[i], justify="left" if i < 2 else "right", overflow="fold", width=width)
    for line in sorted(lines, key=lambda line: in_order(line[0])):
        colour = {"done": "green", "n/a": "yellow"}.get(line[1], "red")
        table.add_row(Text(line[0]), Text(line[1], style=colour), *(line[i] for i in widths if i > 1))
    console.print(Text(f"sweep in {folder}", style="italic"), soft_wrap=True)  # a title would break at a narrow table
    console.print(table)
    if left_out:
        console.print(f"not shown: {', '.join(left_out)}; a wider terminal shows them", style="dim")
    _print_reasons(console, records, [q for q in found if q not in shown and q.judge])
    _print_remarks(console, dict(zip(names, (record for _, record in runs), strict=True)), shown)
    for path, why in broken:
        console.print(Text(f"{path}: {why}", style="red"))
    best = folder / "optimization_results.yaml"  # written by hydra/sweeper=optuna
    if best.is_file():
        console.print(Text(best.read_text(encoding="utf-8").rstrip(), style="bold"))
    if runs and not broken and all(record.status == "n/a" for _, record in runs):
        raise NotApplicableError(
            "the method of one cell at least must apply to its model",
            found=f"n/a in all {len(runs)}" if len(runs) > 1 else "n/a in the only one",
            way_out="See `gsu show docs/families.md` for the methods that run on it",
        )
    return len(broken) + sum(record.status not in ("done", "n/a") for _, record in runs)


def _print_reasons(console: Lines, records: Sequence[Record], empty: Sequence[Quantity]) -> None:
    """Why there is no column of a judge: that of one who looked at no cell."""
    reasons: dict[str, list[str]] = {}
    for quantity in empty:
        done = (quantity.read(record).reason for record in records if record.status == "done")
        if why := next(filter(None, done), ""):
            reasons.setdefault(why, []).append(quantity.title)
    for why, titles in reasons.items():
        console.print(f"not measured: {', '.join(titles)}: {why}", style="dim")


def _print_remarks(console: Lines, records: Mapping[str, Record], shown: Sequence[Quantity]) -> None:
    """What stands below the table: errors, what a cell's mark means, what goes beside a quantity."""
    for name, record in records.items():
        if record.error:
            console.print(Text(f"{name}: {record.reason}", style="red"))
    for name, record in records.items():
        if any(cell.endswith(MARK) for cell in cells(record, shown)):
            console.print(Text(f"{MARK} {name}: {headline(record)}", style="yellow"))
    for quantity in shown:
        if more := beside([*records.values()], quantity):
            console.print(f"{quantity.title}: {more}")
