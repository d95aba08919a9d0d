"""The table of methods at one retain budget, from the records of a sweep.

gsu unlearn experiment=protocol/mnist forget.class=1 seed=0
python scripts/protocol.py keep docs/results/protocol_class_1.json outputs/unlearn/sweeps/DATE/TIME
python scripts/protocol.py table docs/results/protocol_class_1.json
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gsu_cli.report.numbers import change
from gsu_cli.report.runs import find_runs
from gsu_cli.run.record import Measurement, Record

KEPT = ("feature_ratio", "neg_elbo_retain", "neg_elbo_forget", "frechet_distance")
COLUMNS = {
    "CNN": ("feature_ratio", "cnn"),
    "kNN": ("feature_ratio", "knn"),
    "retain -ELBO": ("neg_elbo_retain", None),
    "forget -ELBO": ("neg_elbo_forget", None),
    "Frechet": ("frechet_distance", "cnn"),
}
Row = dict[str, Any]


def kept(record: Record) -> Row:
    """What a row needs; a failed cell stays, as failed."""
    details = record.update.get("details") or {}
    return {
        "command": record.command,
        "status": record.status,
        "error": record.error,
        "seeds": record.seeds,
        "forget": record.split.get("forget"),
        "checkpoint": record.config.get("checkpoint", {}).get("name"),
        "method": record.config.get("method"),
        "name": record.update.get("method"),
        "calibration": details.get("calibration"),
        "cost": details.get("cost"),
        "seconds": record.seconds,
        "weights": {k: v["sha256"] for k, v in record.outputs.items() if "sha256" in v},
        "versions": record.versions,
        "measurements": [asdict(m) for m in record.measurements if m.name in KEPT],
    }


def keep(target: Path, folders: list[Path]) -> None:
    """Writes the rows of all records below the folders, one a line."""
    rows = []
    for folder in folders:
        runs, broken = find_runs(folder)
        if broken:
            raise SystemExit(f"unreadable: {broken}")
        rows += [kept(record) for _, record in runs]
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    target.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(rows)} records, {sum(row['status'] != 'done' for row in rows)} failed -> {target}")


def title(row: Row) -> str:
    """The method, with its scope where that is not the yaml's."""
    typed = [word.partition("=")[2] for word in row["command"] if word.startswith("method.scope=")]
    return f"{row['name']} ({typed[0]})" if typed else str(row["name"])


def moved(row: Row, name: str, judge: str | None) -> float | None:
    """Relative change of a quantity from the original."""
    found = {m["subject"]: Measurement(**m) for m in row["measurements"] if (m["name"], m["judge"]) == (name, judge)}
    c = change(found.get("original"), found.get("unlearned"))
    return None if c is None else c.value


def mean(values: list[float | None]) -> float | None:
    """Mean of what there is."""
    there = [v for v in values if v is not None]
    return statistics.fmean(there) if there else None


def relative(value: float | None) -> str:
    """As "-12.3%", or "x45" where it is more than tenfold."""
    return "-" if value is None else f"{value:+.1%}" if value < 9 else f"x{1 + value:.3g}"


def number(value: float | None, places: int = 2) -> str:
    """A plain number or a dash."""
    return "-" if value is None else f"{value:.{places}f}"


def line(name: str, rows: list[Row], timed: bool) -> str:
    """One method: means over its cells."""
    found = [row["calibration"] or {} for row in rows]
    costs = [c.get("cost") or {} for c in found]
    own = [(row["cost"] or {}).get("gradient_evaluations_per_image") for row in rows]
    option = next((c["option"] for c in found if c.get("option")), None)
    strength = mean([c.get("strength") for c in found])
    chosen = f"{option}={strength:.3g}" if option and strength is not None else "-"
    cells = [relative(mean([moved(row, *what) for row in rows])) for what in COLUMNS.values()]
    total = [c.get("gradient_evaluations_per_image", o) for c, o in zip(costs, own, strict=True)]
    final = [c.get("final_gradient_evaluations_per_image", o) for c, o in zip(costs, own, strict=True)]
    trials = mean([len(c["trials"]) if "trials" in c else 1 for c in found])
    rest = [number(trials, 0 if len(rows) == 1 else 1), number(mean(total)), number(mean(final))]
    rest += [number(mean([row["seconds"].get("unlearn") for row in rows]), 1)] if timed else []
    rest.append(str(len(rows)))
    return "| " + " | ".join([name, chosen, *cells, *rest]) + " |"


def table(path: Path, timed: bool) -> None:
    """Sorted by the mean of the two judges' cuts; with seconds where they mean something."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in json.loads(path.read_text(encoding="utf-8")):
        if row["status"] == "done":
            groups[title(row)].append(row)
        else:
            print(f"{row['status']}: {' '.join(row['command'])}: {row['error']}")
    heads = [
        "method",
        "strength",
        *COLUMNS,
        "runs",
        "cost",
        "of it the chosen run",
        *(["seconds"] if timed else []),
        "cells",
    ]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))

    def cut(rows: list[Row]) -> float:
        return mean([moved(row, *COLUMNS[j]) for row in rows for j in ("CNN", "kNN")]) or 0.0

    for name, rows in sorted(groups.items(), key=lambda pair: cut(pair[1])):
        print(line(name, rows, timed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["keep", "table"])
    parser.add_argument("path", type=Path)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--seconds", action="store_true", help="wall time of the unlearn stage, from a quiet machine")
    given = parser.parse_args()
    if given.what == "keep":
        keep(given.path, given.folders)
    else:
        table(given.path, given.seconds)


if __name__ == "__main__":
    main()
