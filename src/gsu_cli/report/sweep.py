"""The closing table of a sweep: a row per cell, failed cells included."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gsu_cli.report.headline import headline
from gsu_cli.report.numbers import moved
from gsu_cli.report.runs import find_runs
from gsu_cli.report.verdict import verdict
from gsu_cli.run.record import Record

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
MARK = "*"  # of a number that supports no claim, or of a budget overspent
HEADS = ("cell", "status", "CNN cut", "kNN cut", "loss\nretain", "loss\nforget", "Frechet", "seconds")


def cells(record: Record) -> tuple[str, ...]:
    """The numbers of one cell, from its record alone; a loss is the -ELBO where the model has one.

    A ratio that supports no claim has a mark, and a loss whose budget is overspent.
    """
    found = verdict(record)
    own = record.find("heldout_loss_retain", "original") is not None

    def of(name: str, judge: str | None = None) -> str:
        c = moved(record.find(name, "original", judge), record.find(name, "unlearned", judge))
        doubt = found is not None and name == "feature_ratio" and found.doubt(judge)
        return "-" if c is None else f"{c}{MARK if doubt else ''}"

    over = MARK if found is not None and found.over_budget is not None else ""
    return (
        of("feature_ratio", "cnn"),
        of("feature_ratio", "knn"),
        of("heldout_loss_retain" if own else "neg_elbo_retain") + over,
        of("heldout_loss_forget" if own else "neg_elbo_forget"),
        of("frechet_distance", "cnn"),
        f"{record.seconds['unlearn']:.1f}" if "unlearn" in record.seconds else "-",
    )


def labels(records: Sequence[Record]) -> list[str]:
    """For each record the words of its command that not all have in common: "method.lr=0.001 seed=2"."""
    shared = set.intersection(*(set(r.command) for r in records)) if len(records) > 1 else set()
    return [" ".join(word for word in r.command[2:] if word not in shared) for r in records]


def in_order(label: str) -> list[tuple[str, float, str]]:
    """Sorts labels by their numbers as numbers."""
    parts = (word.partition("=") for word in label.split())
    return [(key, float(value) if NUMBER.fullmatch(value) else 0.0, value) for key, _, value in parts]


def print_sweep(folder: Path) -> int:
    """Prints the table for all records below ``folder``; returns how many cells failed."""
    runs, broken = find_runs(folder)
    varied = labels([record for _, record in runs])
    names = varied if len(set(varied)) == len(runs) else [str(path.relative_to(folder)) for path, _ in runs]
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=f"sweep in {folder}", title_justify="left"
    )
    for i, head in enumerate(HEADS):
        least = min(max(map(len, names), default=0), 30) if i == 0 else None  # else the numbers squeeze it
        table.add_column(head, justify="left" if i < 2 else "right", overflow="fold", min_width=least)
    for _, (_, record), name in sorted(zip(map(in_order, names), runs, names, strict=True), key=lambda row: row[0]):
        colour = "green" if record.status == "done" else "red"
        table.add_row(Text(name), Text(record.status, style=colour), *cells(record))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)  # a pipe has no edge
    console.print(table)
    for name, (_, record) in zip(names, runs, strict=True):
        if record.error:
            console.print(Text(f"{name}: {record.error}", style="red"))
    for name, (_, record) in zip(names, runs, strict=True):
        if any(cell.endswith(MARK) for cell in cells(record)):
            console.print(Text(f"{MARK} {name}: {headline(record)}", style="yellow"))
    for path, why in broken:
        console.print(Text(f"{path}: {why}", style="red"))
    best = folder / "optimization_results.yaml"  # written by hydra/sweeper=optuna
    if best.is_file():
        console.print(Text(best.read_text(encoding="utf-8").rstrip(), style="bold"))
    return len(broken) + sum(record.status != "done" for _, record in runs)
