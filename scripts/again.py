"""Are kept numbers those of today's build? Runs some kept cells of docs/results again and compares every number.

    python scripts/again.py digits --cells 2
    python scripts/again.py leaderboard --having method=moon --cells 1 --seed 3

Cells are chosen at random; each runs as a table runs it, one process on one thread, into a folder that is removed. A
number counts as the same where both agree to ten digits, and as moved where it is off by more than half the kept
interval is wide, or, if it has none, by more than a hundredth, or where today's run lacks it. The exit code is 1 if
one moved or a cell failed. Cells whose models were trained for their table, by a path on some disk, are passed over.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gsu_cli.report.compact import read_compact
from gsu_cli.run.record import Measurement, Record, read_record

RESULTS = Path(__file__).parents[1] / "docs/results"
GSU = [sys.executable, "-m", "gsu_cli.cli"]
ALIKE, MOVED = 1e-10, 0.01  # relative: the same number, and another one where no interval says how exact it is
WIDEST = 3  # numbers of a cell that are named, the farthest first


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=sorted(path.parent.name for path in RESULTS.glob("*/records.json")))
    parser.add_argument("--cells", type=int, default=1, help="how many")
    parser.add_argument("--having", default="", help="a word that their lines must have")
    parser.add_argument("--seed", type=int, default=0, help="of the choice")
    line = parser.parse_args()
    records = [one for one in read_compact(RESULTS / line.table / "records.json") if _can_run(one, line.having)]
    chosen = random.Random(line.seed).sample(records, min(line.cells, len(records)))
    shown = Table("cell", "weights", "same", "near", "moved", "farthest: kept, now", box=box.SIMPLE_HEAD)
    worst = 0 if chosen else 1
    for kept in chosen:
        words = " ".join(kept.command)
        now = _run(words)
        if now is None:
            shown.add_row(escape(words), "failed", "", "", "", "")
            worst = 1
            continue
        row, moved = compared(kept, now)
        shown.add_row(escape(words), *row)
        worst = max(worst, int(moved > 0))
    Console(width=160).print(shown)
    print(f"{len(chosen)} of {len(records)} cells of {line.table} that can be run again")
    return worst


def compared(kept: Record, now: Record) -> tuple[list[str], int]:
    """A row of the table, and how many numbers moved.

    Args:
        kept: the record of docs/results.
        now: that of the same line, by this build.
    """
    found = {_key(one): one.value for one in now.measurements}
    away: list[tuple[float, str]] = []
    same = 0
    for one in kept.measurements:
        if one.value is None:
            continue
        value, name = found.get(_key(one)), " ".join(filter(None, _key(one)))
        if value is None:
            away.append((math.inf, f"{name} {one.value:.6g}, lacking"))
        elif math.isclose(one.value, value, rel_tol=ALIKE):
            same += 1
        else:
            away.append((_distance(one, one.value, value), f"{name} {one.value:.6g}, {value:.6g}"))
    away.sort(reverse=True)
    moved = sum(by > 1 for by, _ in away)
    weights = "same" if _weights(kept) == _weights(now) else "other"
    words = "; ".join(text for _, text in away[:WIDEST])
    return [weights, str(same), str(len(away) - moved), str(moved), words], moved


def _can_run(record: Record, having: str) -> bool:
    words = " ".join(record.command)
    disk = "outputs/reproduce/models" in words
    return record.status == "done" and record.command[:2] == ["gsu", "unlearn"] and not disk and having in words


def _run(words: str) -> Record | None:
    """The record of a line as a record has it: quoted for a shell."""
    with tempfile.TemporaryDirectory() as folder:
        print(words, flush=True)
        line = [*GSU, *shlex.split(words)[1:], f"hydra.run.dir={folder}/run"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(line, check=False, env=environment, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr[-2000:], file=sys.stderr)
            return None
        return read_record(Path(folder, "run"))


def _key(one: Measurement) -> tuple[str, str, str | None]:
    return one.name, one.subject, one.judge


def _distance(kept: Measurement, before: float, now: float) -> float:
    """How far a number moved; 1: as far as is allowed."""
    half = (kept.high - kept.low) / 2 if kept.low is not None and kept.high is not None else 0.0
    allowed = half or MOVED * abs(before)
    return abs(now - before) / allowed if allowed else math.inf


def _weights(record: Record) -> object:
    return record.outputs.get("unlearned", {}).get("sha256")


if __name__ == "__main__":
    raise SystemExit(main())
