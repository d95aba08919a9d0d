"""How far samples are from the retrained model's: Frechet distance in the CNN judge's features, of runs that are kept.

Beside stands the original's distance, and the floor, the reference at other latents. All generate as many images.

python scripts/reference_distance.py FOLDER_OF_A_RUN ... --out docs/results/celeba/distance.json
"""

from __future__ import annotations

import argparse
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.record import read_record
from gsu_cli.run.seeds import generator

CHUNK = 500
N = 4_000


@lru_cache(maxsize=32)
def features(path: str, judge: str, seed: int, what: str) -> tuple[Gaussian, str]:
    """The Gaussian of the features of ``N`` generated images from the prior, and the sha256 of the weights."""
    generated, judging = load_checkpoint(Path(path)), load_checkpoint(Path(judge))
    with torch.no_grad():
        images = generated.model.sample(N, generator(seed, "twin distance", what))
        parts = [judging.model.features(part) for part in images.split(CHUNK)]
    return Gaussian.of(torch.cat(parts).double()), generated.sha256


def measure(run: Path) -> dict[str, Any]:
    """The distances of one run."""
    record = read_record(run / "record.json")
    config, judge = record.config["checkpoint"], str(record.config["judge"]["cnn"]["path"])
    seed = int(record.seeds["evaluate"])
    reference, reference_sha256 = features(config["retrained"], judge, seed, "same")
    row: dict[str, Any] = {
        "forget": record.split["forget"],
        "command": [w for w in record.command if "=" in w and not w.startswith(("checkpoint.", "judge.", "hydra."))],
        "seed": seed,
        "n": N,
        "twin_sha256": reference_sha256,
    }
    for who, path, what in (
        ("original", config["path"], "same"),
        ("unlearned", str(run / "unlearned.safetensors"), "same"),
        ("floor", config["retrained"], "others"),
    ):
        found, sha256 = features(path, judge, seed, what)
        row[who] = {"distance": frechet(found, reference), "sha256": sha256}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs with weights and a reference of your own")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows = []
    for run in args.runs:
        rows.append(row := measure(run))
        cells = [f"{row[who]['distance']:.1f}" for who in ("original", "unlearned", "floor")]
        print("| " + " | ".join([" ".join(row["command"]), *cells]) + " |", flush=True)
    write_text(args.out, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
