"""The closing table of a sweep: a row per cell, failed cells included."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gsu_cli.report.numbers import change
from gsu_cli.report.runs import find_runs
from gsu_cli.run.record import Record

HEADS = ("cell", "status", "CNN cut", "kNN cut", "-ELBO retain", "-ELBO forget", "Frechet", "seconds")


def cells(record: Record) -> tuple[str, ...]:
    """The numbers of one cell, from its record alone."""

    def moved(name: str, judge: str | None = None) -> str:
        c = change(record.find(name, "original", judge), record.find(name, "unlearned", judge))
        return str(c) if c is not None else "-"

    return (
        moved("feature_ratio", "cnn"),
        moved("feature_ratio", "knn"),
        moved("neg_elbo_retain"),
        moved("neg_elbo_forget"),
        moved("frechet_distance", "cnn"),
        f"{record.seconds['unlearn']:.1f}" if "unlearn" in record.seconds else "-",
    )


def print_sweep(folder: Path) -> int:
    """Prints the table for all records below ``folder``; returns how many cells failed."""
    runs, broken = find_runs(folder)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"sweep in {folder}", title_justify="left")
    for i, head in enumerate(HEADS):
        table.add_column(head, justify="left" if i < 2 else "right", overflow="fold")
    for path, record in sorted(runs, key=lambda pair: str(pair[0])):
        colour = "green" if record.status == "done" else "red"
        table.add_row(str(path.relative_to(folder)), Text(record.status, style=colour), *cells(record))
    console = Console(highlight=False)
    console.print(table)
    for path, record in runs:
        if record.error:
            console.print(Text(f"{path.relative_to(folder)}: {record.error}", style="red"))
    for path, why in broken:
        console.print(Text(f"{path}: {why}", style="red"))
    return len(broken) + sum(record.status != "done" for _, record in runs)
