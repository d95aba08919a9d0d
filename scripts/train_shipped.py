"""Trains the weights that ship, from the full MNIST, with recorded commands; what is trained is not trained again.

    python scripts/train_shipped.py train --data DIR [--only vae judge ...]   # two to three minutes each on one core
    python scripts/train_shipped.py pack --data DIR                           # half precision, cards, into pretrained/

Each model is trained by the `gsu train` line that its card quotes. DIR holds MNIST as IDX files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "outputs" / "shipped"
PLAN: dict[str, list[str]] = {
    "vae": [],
    "judge": ["model=judge_cnn", "training=judge"],
    **{f"vae.without_class_{d}": [f"forget.class={d}"] for d in range(10)},
    "vae_2d": ["model=mlp_vae_2d"],
}


def train(name: str, data: str) -> None:
    """Runs `gsu train` for one model, going on from an unfinished run's state where there is one."""
    folder = WORK / name
    if (folder / "model.safetensors").is_file() and json.loads((folder / "record.json").read_text())[
        "status"
    ] == "done":
        print(f"{name}: trained already")
        return
    resume = [f"resume={folder}"] if (folder / "state.safetensors").is_file() else []
    line = ["train", "dataset=mnist", "dataset.download=false", *PLAN[name], *resume, f"hydra.run.dir={folder}"]
    print(f"{name}: gsu {' '.join(line)}", flush=True)
    subprocess.run([sys.executable, "-m", "gsu_cli.cli", *line], check=True, env={**os.environ, "GSU_DATA_DIR": data})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["train", "pack"])
    parser.add_argument("--data", help="folder with the full MNIST")
    parser.add_argument("--only", nargs="*", choices=list(PLAN), default=list(PLAN))
    given = parser.parse_args()
    if not given.data:
        parser.error("--data is needed")
    if given.stage == "train":
        for name in given.only:
            train(name, given.data)
        return
    from pack_shipped import pack

    for name in given.only:
        pack(name, WORK / name, PLAN[name], given.data)


if __name__ == "__main__":
    main()
