"""Runs on disk: found by their records, broken ones named and never fatal."""

from __future__ import annotations

import textwrap
from pathlib import Path

from gsu_cli.errors import GsuError
from gsu_cli.report.numbers import change
from gsu_cli.run.record import FILE, Record, read_record


def find_runs(folder: Path) -> tuple[list[tuple[Path, Record]], list[tuple[Path, str]]]:
    """All runs below ``folder`` by start time, and what could not be read with the reason."""
    runs, broken = [], []
    for path in sorted(folder.rglob(FILE)):
        try:
            runs.append((path.parent, read_record(path)))
        except GsuError as e:
            broken.append((path, str(e)))
    return sorted(runs, key=lambda pair: pair[1].started), broken


def short(record: Record) -> str:
    """One line: data set, what was forgotten and how, the cut by each judge; or the error."""
    parts = [str(record.inputs.get("dataset", {}).get("name", ""))]
    if record.split:
        parts.append(f"forget {record.split['forget']}")
    if record.update:
        parts.append(record.update["method"])
    for judge in ("cnn", "knn"):
        c = change(record.find("feature_ratio", "original", judge), record.find("feature_ratio", "unlearned", judge))
        if c is not None:
            parts.append(f"{judge} {c.value:+.0%}")
    if record.error:
        parts.append(textwrap.shorten(record.error.splitlines()[0], 120, placeholder=" ..."))
    return ", ".join(p for p in parts if p)
