"""What the pages of attributes show below their tables: other attributes, fresh faces, distances to the reference.

`python scripts/results.py avatars celeba` writes them.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gsu_cli.report.compact import read_compact
from gsu_cli.report.numbers import change, factor
from gsu_cli.run.record import Record
from gsu_cli.run.signed import signed

JUDGES = ("cnn", "knn")
WHO = ("original", "unlearned", "floor")


def moved(record: Record, name: str, judge: str | None = None, subject: str = "unlearned") -> str:
    """Relative change from the original; a factor from tenfold on."""
    found = change(record.find(name, "original", judge), record.find(name, subject, judge))
    return "-" if found is None else factor(found.value)


def spread(values: list[float], digits: str, unit: str = "") -> str:
    """The mean, and the least and the greatest of several.

    >>> spread([-90.0, -80.0], "+.0f", "%"), spread([], "+.0f"), spread([1.25], ".1f")
    ('-85% (-90 to -80)', '-', '1.2')
    """
    if not values:
        return "-"
    text = f"{statistics.fmean(values):{digits}}{unit}"
    return f"{text} ({min(values):{digits}} to {max(values):{digits}})" if len(values) > 1 else text


def both(record: Record, name: str) -> str:
    return " / ".join(moved(record, name, judge) for judge in JUDGES)


def other(records: list[Record], judge: str) -> str:
    """The attribute that was to stay and moved most in one direction, mean over seeds."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for m in record.measurements:
            if m.name.startswith("attribute_") and m.subject == "unlearned" and m.judge == judge:
                c = change(record.find(m.name, "original", judge), m)
                if c is not None:
                    found[m.name.removeprefix("attribute_")].append(c.value)
    means = {name: statistics.fmean(values) for name, values in found.items()}
    if not means:
        return "-"
    most = max(means, key=lambda name: abs(means[name]))
    return f"{most} {signed(means[most])}"


def spelled(record: Record) -> str:
    """The method, with what makes its records differ: budget, shots, rate, target, solver."""
    options = record.config.get("method") or {}
    plain = {"budget": 0.01, "shots": 1, "target": "auto", "solver": "auto"}
    words = [f"{key}={options[key]}" for key in (*plain, "lr") if options.get(key) not in (None, plain.get(key))]
    return " ".join([str(record.update.get("method", "measured again")), *words])


def grid(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head), *map(tuple, rows)]
    ruled = [lines[0], ("---",) * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in ruled)


def others(folder: Path) -> str:
    """Mean over seeds of what happened to the attributes that were to stay, and of how far samples moved."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in read_compact(folder / "records.json"):
        if record.status == "done":
            groups[str(record.split["forget"]).removeprefix("attribute "), spelled(record)].append(record)
    rows = []
    for (attribute, method), records in groups.items():
        identity = [m.value for r in records if (m := r.find("retained_shift", "unlearned")) and m.value is not None]
        rows.append([attribute, method, *(other(records, judge) for judge in JUDGES), spread(identity, ".1f")])
    head = ("attribute", "method", "largest change of another, CNN", "the same, kNN", "retained shift, grey levels")
    return f"## The other attributes\n\nMean over seeds; least and greatest in brackets.\n\n{grid(head, rows)}"


def fresh(folder: Path) -> str:
    """The cost on avatars of another seed, as `scripts/fresh_faces.py` measured it."""
    rows = []
    for row in json.loads((folder / "fresh.json").read_text("utf-8")):
        costs = [cost(row["unlearned"]), cost(row["retrained"])]
        rows.append([row.get("method", "fisher_surgery"), row["attribute"], str(row["seed"]),
                     f"{row['unlearned']['images']:,}", *costs])  # fmt: skip
    head = ("method", "attribute", "seed", "fresh faces", "retain -ELBO", "retrained")
    made = "By `python scripts/fresh_faces.py`, [records](fresh.json); 95 % intervals in brackets."
    return f"## Cost on fresh faces\n\n{made}\n\n{grid(head, rows)}"


def cost(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{signed(found['change'])} ({signed(low)} to {signed(high)})"


def distances(folder: Path) -> str:
    """The distance to the retrained model's samples by `scripts/reference_distance.py`, mean over seeds."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in json.loads((folder / "distance.json").read_text("utf-8")):
        options = [w for w in row["command"] if w.startswith("method") and "prediction_images" not in w]
        groups[row["forget"].removeprefix("attribute "), " ".join(options) or "defaults"].append(row)
    rows = [
        [*of, str(len(found)), *(f"{statistics.fmean(r[who]['distance'] for r in found):.1f}" for who in WHO)]
        for of, found in groups.items()
    ]
    made = "By `python scripts/reference_distance.py`, [records](distance.json): Frechet distance, 4,000 samples."
    return f"## Distance to the retrained reference\n\n{made}\n\n{grid(('attribute', 'options', 'seeds', *WHO), rows)}"
