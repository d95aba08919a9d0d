"""Runs on disk: found by their records, broken ones named and never fatal."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable
from pathlib import Path

from gsu_cli.errors import GsuError, UsageError, unreadable
from gsu_cli.report.compact import read_compact
from gsu_cli.report.headline import short as no_claim_of
from gsu_cli.report.keys import when
from gsu_cli.report.numbers import Shift
from gsu_cli.report.roles import asked
from gsu_cli.report.same_weights import in_one_name
from gsu_cli.report.validate import validated
from gsu_cli.report.verdict import ratio, verdict
from gsu_cli.run.record import FILE, Record, read_record
from gsu_cli.run.signed import signed

Runs = list[tuple[Path, Record]]
Broken = list[tuple[Path, str]]


def find_runs(folder: Path) -> tuple[Runs, Broken]:
    """All runs below ``folder`` by start time, and what could not be read with the reason."""
    runs, broken = [], Broken()
    for path in _records(folder, broken):
        try:
            runs.append((path.parent, validated(read_record(path), path)))
        except GsuError as e:
            broken.append((path, str(e)))
    return sorted(runs, key=lambda pair: when(pair[1])), broken


def _records(folder: Path, closed: Broken) -> list[Path]:
    """The records below a folder, sorted; folders that may not be looked into join ``closed``."""

    def note(error: OSError) -> None:
        if isinstance(error, PermissionError):
            closed.append((Path(str(error.filename)), str(unreadable(error.filename, error))))

    return sorted(Path(here) / FILE for here, _, files in os.walk(folder, onerror=note) if FILE in files)


def collect(places: Iterable[Path]) -> tuple[Runs, Broken]:
    """All runs in ``places``, each once, by start time, and what could not be read with the reason.

    Args:
        places: folders (searched below), records, or lists of compacted records.

    Raises:
        UsageError: a place does not exist.
    """
    runs: Runs = []
    broken: Broken = []
    for place in places:
        if not place.exists():
            raise UsageError(
                "`runs` must name folders or records that exist", found=place, way_out="See `gsu show runs`"
            )
        try:
            if place.is_dir():
                found, unread = find_runs(place)
                runs, broken = runs + found, broken + unread
            elif place.name == FILE:
                runs.append((place.parent, validated(read_record(place), place)))
            else:
                runs += [(place, validated(record, place)) for record in read_compact(place)]
        except GsuError as e:
            broken.append((place, str(e)))
    once: dict[object, tuple[Path, Record]] = {}
    for i, (path, record) in enumerate(runs):
        once.setdefault(path.resolve() if path.is_dir() else i, (path, record))
    kept = dict(broken)
    ordered = sorted(once.values(), key=lambda pair: when(pair[1]))
    records = in_one_name([record for _, record in ordered])
    return [(path, record) for (path, _), record in zip(ordered, records, strict=True)], list(kept.items())


def _trained(record: Record) -> str:
    """What a training made: "generator MlpVae"; empty for other verbs."""
    if record.verb != "train":
        return ""
    model = record.outputs.get("model", {})
    name = model.get("class") or str((record.config.get("model") or {}).get("_target_", "")).rpartition(".")[2]
    kind = model.get("kind") or ("judge" if name in ("JudgeCnn", "AttributeCnn") else "generator")
    return f"{kind} {name}" if name else ""


def doubted(record: Record) -> bool:
    """Whether a question mark stands in its line."""
    found = verdict(record)
    return found is not None and any(found.doubt(j) for j in asked(record) if ratio(record, j) is not None)


def short(record: Record) -> str:
    """One line: data set, what was forgotten and how, the reduction by each judge; or the error.

    A question mark stands behind a number that supports no claim.
    """
    parts = [str(record.inputs.get("dataset", {}).get("name", ""))]
    if trained := _trained(record):
        parts.append(trained)
    if record.split:
        parts.append(f"forget {record.split['forget']}")
    if record.update:
        parts.append(record.update["method"])
    found = verdict(record)
    for judge in asked(record):
        c = ratio(record, judge)
        if c is not None:
            doubt = "?" if found is not None and found.doubt(judge) else ""
            parts.append(f"{judge} {c if isinstance(c, Shift) else signed(c.value, '.0%')}{doubt}")
    if no_claim := no_claim_of(found):
        parts.append(no_claim)
    if record.error:
        parts.append(textwrap.shorten(record.reason.splitlines()[0], 120, placeholder=" ..."))
    return ", ".join(p for p in parts if p)
