"""What the quick audit of the demo's run takes: ``python scripts/bench_audit.py``; 3 minutes of two cores are the most.

The two lines are typed in processes of their own, in a fresh folder, so that nothing is found again. Seconds of the
clock are those of this machine as it is; seconds of processors are of all threads, and hardly depend on what else runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEMO = ["unlearn", "dataset=mnist", "dataset.download=false", "forget.class=1", "hydra.run.dir=run"]
AUDIT = ["audit", "run=run", "hydra.run.dir=audit"]
MOST = 180  # seconds


def typed(words: list[str], place: str) -> tuple[float, float]:
    """Seconds of the clock and of the processor that a line of gsu takes."""
    before, started = os.times(), time.perf_counter()
    line = [str(Path(sys.executable).with_name("gsu")), *words]
    subprocess.run(line, cwd=place, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, used


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        typed(DEMO, place)
        clock, processor = typed(AUDIT, place)
        found = (Path(place) / "audit" / "audit.json").is_file()
    print(f"gsu audit of the demo's run: {clock:.0f} s, {processor:.0f} s of processors; at most {MOST} s are wanted")
    return int(not found or clock > MOST)


if __name__ == "__main__":
    sys.exit(main())
