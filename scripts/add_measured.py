"""Adds to kept records what `gsu evaluate run=` measured later of the same weights.

gsu evaluate run=outputs/unlearn/DATE/TIME 'metric=[neg_elbo_drawn]' 'judge=[]' hydra.run.dir=outputs/later/one
python scripts/add_measured.py docs/results/kept.json outputs/later

A record takes the measurements of the evaluation whose unlearned weights have its sha256, with its evaluation seed and
its number of drawings; one that it has already must be the same to the last digit.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gsu_cli.report.compact import read_compact, write_compact
from gsu_cli.report.runs import find_runs
from gsu_cli.run.record import Record


def key(record: Record) -> tuple[Any, ...] | None:
    """Unlearned weights, evaluation seed, drawings; None where nothing was unlearned."""
    weights = record.outputs.get("unlearned", record.inputs.get("unlearned"))
    if record.status != "done" or weights is None:
        return None
    return weights["sha256"], record.seeds["evaluate"], record.config["evaluation"]["samples"]


def add(record: Record, later: Record) -> int:
    """Appends what is missing; how many rows that were.

    Raises:
        SystemExit: a number that both have differs.
    """
    before = len(record.measurements)
    for m in later.measurements:
        own = record.find(m.name, m.subject, m.judge)
        if own is None:
            record.measurements.append(m)
        elif own != m:
            raise SystemExit(f"{m.name} of {m.subject} differs: {own.value} kept, {m.value} measured later")
    return len(record.measurements) - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kept", type=Path)
    parser.add_argument("folders", type=Path, nargs="+", help="of evaluations, or above them")
    args = parser.parse_args()
    runs = [run for folder in args.folders for run in find_runs(folder)[0]]
    found = {key(record): record for _, record in runs if record.verb == "evaluate"}
    records = read_compact(args.kept)
    added = [add(r, found[key(r)]) if key(r) in found and key(r) is not None else 0 for r in records]
    write_compact(args.kept, records)
    print(f"{sum(added)} measurements added to {sum(n > 0 for n in added)} of {len(records)} records")


if __name__ == "__main__":
    main()
