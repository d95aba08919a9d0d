"""How far one step ends from the retrained model, digit by digit: the step alone beside the default.

python scripts/digit_distances.py --data data --out docs/results/digits/distances.json

Two distances to the retrained model that ships: of samples, Frechet in the CNN judge's features, and of the loss of
held-out images of the digit. A floor stands beside each: other samples of the retrained model, and twice
the standard error of its mean loss.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch

import faces
from gsu_cli.data.base import Dataset, Images, to_float
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.gradients import parameters
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.seeds import generator
from gsu_cli.unlearning.unlearn import unlearn

SAMPLES, CHUNK = 10_000, 500
WAYS: dict[str, dict[str, Any]] = {"the step alone": {"finish": None, "encoder": "kept"}, "the default": {}}
COLUMNS = ("floor", "original", *WAYS)


class Features:
    """Samples of a model as the CNN judge's features."""

    def __init__(self) -> None:
        self.judge: Any = load_checkpoint(FOLDER / "mnist/judge.safetensors").model.eval()

    @torch.no_grad()
    def __call__(self, model: Any, seed: int) -> Gaussian:
        parts = generate_samples(model, SAMPLES, seed).split(CHUNK)
        return Gaussian.of(torch.cat([self.judge.features(to_float(part)) for part in parts]).double())


def forget_losses(model: Any, images: Images, seed: int) -> torch.Tensor:
    """-ELBO of each image, nats, ``(n,)``."""
    loss = frozen_elbo(model, images, seed=seed)
    return loss.losses(parameters(model, list(model.generation_parameters()))).double()


def measure(data: Dataset, features: Features, digit: int, seed: int) -> dict[str, Any]:
    """Both distances of the original and of each way, and their floors."""
    original, reference = (
        load_checkpoint(FOLDER / f"mnist/{name}.safetensors") for name in ("vae", f"vae.without_class_{digit}")
    )
    split = ForgetSpec.from_values(class_=digit).resolve(data, generator=generator(0))
    images = split.heldout_forget_images
    to, level = features(reference.model, seed), forget_losses(reference.model, images, seed)
    floor = {
        "samples": frechet(features(reference.model, seed + 1_000), to),
        "loss": 2 * float(level.std()) / math.sqrt(len(level)),
    }
    models = {"original": original.model}
    for way, options in WAYS.items():
        models[way], _ = unlearn(
            original.model, split, FisherSurgery(**options), generator=generator(seed), diagnostics=False
        )
    row: dict[str, Any] = {"digit": digit, "seed": seed, "n": SAMPLES, "images": len(images)}
    row |= {"original_sha256": original.sha256, "reference_sha256": reference.sha256, "floor": floor}
    for name, model in models.items():
        row[name] = {
            "samples": frechet(features(model, seed), to),
            "loss": abs(float((forget_losses(model, images, seed) - level).mean())),
        }
    return row


def cells(row: dict[str, Any]) -> list[str]:
    """Of the floor, the original and each way: distance of the samples / of the loss."""
    return [f"{row[c]['samples']:.2f} / {row[c]['loss']:.1f}" for c in COLUMNS]


def mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {c: {part: sum(r[c][part] for r in rows) / len(rows) for part in ("samples", "loss")} for c in COLUMNS}


def section(folder: Path) -> str:
    """What is kept, as a section of the page."""
    rows = json.loads((folder / "distances.json").read_text("utf-8"))
    seeds, (n,) = ", ".join(map(str, sorted({r["seed"] for r in rows}))), {r["n"] for r in rows}
    made = (
        f"By `python scripts/digit_distances.py`, [records](distances.json), seed {seeds}: Frechet distance of {n:,} "
    )
    made += "samples from those of the retrained model, in the CNN judge's features / distance of the mean loss of the "
    made += "digit's held-out images from the retrained model's, nats."
    lines = [[str(r["digit"]), *cells(r)] for r in rows] + [["mean", *cells(mean(rows))]]
    return f"## How far from retraining\n\n{made}\n\n" + faces.grid(("digit", *COLUMNS), lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    data, features = Mnist(asked.data, download=False).load(), Features()
    print("| digit | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1), flush=True)
    rows = []
    for digit in asked.digits:
        for seed in asked.seeds:
            rows.append(row := measure(data, features, digit, seed))
            print(f"| {digit} | " + " | ".join(cells(row)) + " |", flush=True)
    print("| mean | " + " | ".join(cells(mean(rows))) + " |")
    if asked.out:
        write_text(asked.out, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
