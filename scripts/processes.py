"""How fast a training is in one process and in several: ``python scripts/processes.py``, three minutes on two cores.

Real lines on 4,000 digits, one epoch each, in turn and several times over, so that a busy machine is as busy for each;
of each kind the best counts. Prints images a second, and each as a ratio to one process with one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

MODELS = {
    "mlp_vae": ["model=mlp_vae", "training.epochs=3"],
    "ddpm": ["model=ddpm", "training=ddpm", "training.epochs=1"],
}
KINDS = {  # processes, threads of each, more words
    "1 process, 1 thread": (1, 1, []),
    "1 process, 2 threads": (1, 2, []),
    "2 processes, 1 thread each": (2, 1, []),
    "1 process, 1 thread, precision=bfloat16": (1, 1, ["precision=bfloat16"]),
}


def speed(n: int, threads: int, words: list[str], folder: Path) -> float:
    """Images a second of one line, as its record has it."""
    start = [sys.executable, "-m", "gsu_cli.cli"]
    if n > 1:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n}", *start[1:]]
    line = [*start, "train", "dataset=mnist", "dataset.download=false", *words, f"hydra.run.dir={folder}"]
    subprocess.run(line, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    found: float = json.loads((folder / "record.json").read_text())["training"]["images_per_second"]
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2)
    repeats = parser.parse_args().repeats
    for model, words in MODELS.items():
        best = dict.fromkeys(KINDS, 0.0)
        with tempfile.TemporaryDirectory() as folder:
            for k in range(repeats):
                for i, (name, (n, threads, more)) in enumerate(KINDS.items()):
                    found = speed(n, threads, [*words, *more], Path(folder) / f"{k}-{i}")
                    best[name] = max(best[name], found)
        base = next(iter(best.values()))
        for name, found in best.items():
            print(f"{model:8} {name:40} {found:8,.0f} images/s   x {found / base:.2f}", flush=True)


if __name__ == "__main__":
    main()
