"""Digits that designs of Fisher surgery were looked at on, and those that they were not, from the kept records.

`python scripts/results.py digits` writes it below the table.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from faces import grid
from gsu_cli.report.compact import read_compact
from gsu_cli.report.groups import interval
from gsu_cli.report.numbers import change
from gsu_cli.run.record import Record
from gsu_cli.run.signed import signed

LOOKED_AT = ("1", "3", "4", "8", "9")  # design notes 009 to 030, and the step before them
QUANTITIES = (("feature_ratio", "cnn"), ("feature_ratio", "knn"), ("heldout_loss_forget", None))
HEAD = ("digits", "", "feature ratio (CNN)", "feature ratio (kNN)", "forget loss")


def section(folder: Path) -> str:
    """Means over both kinds of digits, of the default, of retraining, and of their difference."""
    changes: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for record in read_compact(folder / "records.json"):
        if record.status == "done" and (record.config.get("method") or {}).get("finish") == "auto":
            for subject in ("unlearned", "retrained"):
                changes[str(record.split["forget"]).removeprefix("class "), subject].append(_of(record, subject))
    means = {key: [statistics.fmean(column) for column in zip(*seeds, strict=True)] for key, seeds in changes.items()}
    digits = sorted({digit for digit, _ in means})
    rows = []
    for name, kind in (("looked at", LOOKED_AT), ("not looked at", [d for d in digits if d not in LOOKED_AT])):
        default, retrained = ([means[d, subject] for d in kind] for subject in ("unlearned", "retrained"))
        apart = [[a - b for a, b in zip(x, y, strict=True)] for x, y in zip(default, retrained, strict=True)]
        for what, values in (("Fisher surgery", default), ("retrained", retrained), ("difference, points", apart)):
            rows.append([f"{name}: {', '.join(kind)}", what, *_told(values, "" if values is apart else "%")])
    text = "Designs were chosen on some of the digits, with these weights and seeds 1 to 3 in the latest ones."
    text += " Means over digits of the means over three seeds, with Student's 95 % interval, the difference digit by"
    text += " digit."
    return f"## Digits that no design was looked at on\n\n{text}\n\n{grid(HEAD, rows)}"


def _of(record: Record, subject: str) -> list[float]:
    """Relative changes from the original, in the order of `QUANTITIES`; of a kept run none is missing."""
    found = [
        change(record.find(name, "original", judge), record.find(name, subject, judge)) for name, judge in QUANTITIES
    ]
    return [c.value for c in found if c is not None]


def _told(values: Iterable[list[float]], unit: str) -> list[str]:
    told = []
    for column in zip(*values, strict=True):
        mean, (_, high) = statistics.fmean(column), interval(column)
        told.append(f"{signed(100 * mean, '.1f')}{unit}" + ("" if high is None else f" ± {100 * (high - mean):.1f}"))
    return told
