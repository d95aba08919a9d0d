"""How far one step ends from the retrained model, digit by digit: the step alone beside the default.

python scripts/digit_distances.py --data data --out docs/results/digits/distances.json
python scripts/digit_distances.py --data data --arms step default joint shots  # other ways beside them
gsu train dataset=mnist forget.class=3 seed=1; python scripts/digit_distances.py --second 3=FOLDER/model.safetensors ...

Two distances to the retrained model that ships: of samples, Frechet in the CNN judge's features, and of the loss of
held-out images of the digit. A floor stands beside each: other samples of the retrained model, and twice
the standard error of its mean loss. Intervals, 95 %: of samples from a bootstrap of the noise that both models share,
of the loss image by image. What is kept has the sha256 of every model's weights, `digest` in the metadata of a file.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import faces
from gsu_cli.data.base import Dataset, Images, to_float
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.evaluation.intervals import Z95, normal
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.gradients import parameters
from gsu_cli.methods.base import Method
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.joint_redirect import JointRedirect
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.report.groups import interval
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.seeds import generator
from gsu_cli.run.tensor_files import digest
from gsu_cli.unlearning.unlearn import unlearn

SAMPLES, CHUNK, RESAMPLES = 10_000, 500, 50
ARMS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "step": ("the step alone", FisherSurgery, {"finish": None, "encoder": "kept"}),
    "default": ("the default", FisherSurgery, {}),
    "joint": ("joint redirection", JointRedirect, {}),
    "shots": ("four shots", FisherSurgery, {"shots": 4}),
}  # what an arm is called, its method and what is not as usual about it
Seen = tuple[Tensor, Tensor]  # features and labels
PARTS = {"samples": ".2f", "alike": ".2f", "loss": ".1f"}  # what is told of each column, and how
AGAIN = "retrained anew"  # from another seed: as far apart are two models of which neither saw the digit


class Features:
    """Samples of a model as the CNN judge sees them: features ``(SAMPLES, d)`` float64, and labels ``(SAMPLES,)``."""

    def __init__(self) -> None:
        self.judge: Any = load_checkpoint(FOLDER / "mnist/judge.safetensors").model.eval()

    @torch.no_grad()
    def __call__(self, model: Any, seed: int) -> Seen:
        parts = [to_float(part) for part in generate_samples(model, SAMPLES, seed).split(CHUNK)]
        labels = torch.cat([self.judge(part).argmax(1) for part in parts])
        return torch.cat([self.judge.features(part) for part in parts]).double(), labels


def distance(seen: Seen, reference: Seen, digit: int, seed: int) -> dict[str, float]:
    """Of samples, 1.96 bootstrap deviations to either side, as the i-th of both come of the same noise; and `alike`."""
    own, to = seen[0], reference[0]
    value, rng, n = frechet(Gaussian.of(own), Gaussian.of(to)), generator(seed, "bootstrap"), len(own)
    counts = [torch.bincount(torch.randint(n, (n,), generator=rng), minlength=n) for _ in range(RESAMPLES)]
    found = torch.tensor([frechet(Gaussian.of(own, c), Gaussian.of(to, c)) for c in counts], dtype=torch.float64)
    half = Z95 * found.std().item()
    bounds = {"samples_low": max(0.0, value - half), "samples_high": value + half}
    return {"samples": value, **bounds, "alike": alike(seen, reference, digit)}


def alike(seen: Seen, reference: Seen, digit: int) -> float:
    """The distance of samples of the other digits alone, the first so many of each that both sides have as many."""
    kept: tuple[list[Tensor], list[Tensor]] = ([], [])
    for label in (c for c in range(10) if c != digit):
        both = [features[labels == label] for features, labels in (seen, reference)]
        for part, of in zip(kept, both, strict=True):
            part.append(of[: min(map(len, both))])
    own, to = (torch.cat(part) for part in kept)
    return frechet(Gaussian.of(own), Gaussian.of(to))


def forget_losses(model: Any, images: Images, seed: int) -> torch.Tensor:
    """-ELBO of each image, nats, ``(n,)``."""
    loss = frozen_elbo(model, images, seed=seed)
    return loss.losses(parameters(model, list(model.generation_parameters()))).double()


def measure(
    data: Dataset, features: Features, digit: int, *, seed: int, arms: list[str], second: Path | None
) -> dict[str, Any]:
    """Both distances of the original, of each arm and of a model that was retrained a ``second`` time; their floors."""
    original, reference = (
        load_checkpoint(FOLDER / f"mnist/{name}.safetensors") for name in ("vae", f"vae.without_class_{digit}")
    )
    split = ForgetSpec.from_values(class_=digit).resolve(data, generator=generator(0))
    images = split.heldout_forget_images
    to, level = features(reference.model, seed), forget_losses(reference.model, images, seed)
    floor = distance(features(reference.model, seed + 1_000), to, digit, seed)
    floor["loss"] = 2 * float(level.std()) / math.sqrt(len(level))
    models = {"original": original.model}
    for arm in arms:
        words, kind, options = ARMS[arm]
        method: Method = kind(**options)
        models[words], _ = unlearn(original.model, split, method, generator=generator(seed), diagnostics=False)
    if second is not None:
        models[AGAIN] = load_checkpoint(second).model
    row: dict[str, Any] = {"digit": digit, "seed": seed, "n": SAMPLES, "images": len(images)}
    row |= {"original_sha256": original.sha256, "reference_sha256": reference.sha256, "floor": floor}
    for name, model in models.items():
        nats = forget_losses(model, images, seed) - level
        low, high = normal(nats)
        row[name] = {
            **distance(features(model, seed), to, digit, seed),
            "loss": float(nats.mean()),
            "loss_low": low,
            "loss_high": high,
            "weights_sha256": digest(model.state_dict()),
        }
    return row


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """The floor, the original and every arm that was measured."""
    known = ("floor", AGAIN, "original", *(words for words, _, _ in ARMS.values()))
    return [c for c in known if any(c in row for row in rows)]


def said(found: dict[str, Any], part: str, form: str) -> str:
    """Absolute value and half of its interval, where it has one."""
    low, high = found.get(f"{part}_low"), found.get(f"{part}_high")
    half = "" if low is None or high is None else f" ± {high - found[part]:{form}}"  # the low end is cut at zero
    return f"{abs(found[part]):{form}}{half}"


def cells(row: dict[str, Any], names: list[str]) -> list[str]:
    """Of the floor, the original and each arm: distance of the samples / of those that are alike / of the loss."""
    return [" / ".join(said(row[c], *part) for part in PARTS.items()) if c in row else "-" for c in names]


def mean(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Over digits, each the mean of its seeds, with Student's interval."""
    means: dict[str, dict[str, Any]] = {}
    for column in columns(rows):
        means[column] = {}
        for part in PARTS:
            digits = defaultdict(list)
            for r in (r for r in rows if column in r):
                digits[r["digit"]].append(abs(r[column][part]))
            each = [sum(seeds) / len(seeds) for seeds in digits.values()]
            low, high = interval(each)
            means[column] |= {part: sum(each) / len(each), f"{part}_low": low, f"{part}_high": high}
    return means


def lines(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The table's, of each digit and seed, and of their mean."""
    several, names = len({r["seed"] for r in rows}) > 1, columns(rows)
    digits = [[f"{r['digit']}, seed {r['seed']}" if several else str(r["digit"]), *cells(r, names)] for r in rows]
    return [*digits, ["mean", *cells(mean(rows), names)]]


def section(folder: Path) -> str:
    """What is kept, as a section of the page."""
    rows = json.loads((folder / "distances.json").read_text("utf-8"))
    seeds, (n,) = ", ".join(map(str, sorted({r["seed"] for r in rows}))), {r["n"] for r in rows}
    named = columns(rows)
    asked = " ".join(arm for arm, (words, _, _) in ARMS.items() if words in named)
    made = f"By `python scripts/digit_distances.py --arms {asked}`, [records](distances.json), seed {seeds}: Frechet "
    made += (
        f"distance of {n:,} samples from those of the retrained model, in the CNN judge's features / that of samples "
    )
    made += "of the other digits alone, as many of each on both sides / distance of the mean loss of the digit's "
    made += (
        "held-out images from the retrained model's, nats. ± is half of a 95 % interval: of a digit over samples and "
    )
    made += "images, where it was measured; of the mean Student's, over digits."
    if AGAIN in named:
        made += f" {AGAIN.capitalize()} (`--second`): without the digit, too, from another seed."
    return f"## How far from retraining\n\n{made}\n\n" + faces.grid(("digit", *named), lines(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=["step", "default"])
    parser.add_argument("--second", nargs="+", default=[], metavar="DIGIT=FILE", help="weights retrained anew")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    second = {int(digit): Path(file) for digit, file in (word.split("=", 1) for word in asked.second)}
    data, features, rows = Mnist(asked.data, download=False).load(), Features(), []
    for digit in asked.digits:
        for seed in asked.seeds:
            rows.append(measure(data, features, digit, seed=seed, arms=asked.arms, second=second.get(digit)))
            print("digit", " | ".join(lines(rows[-1:])[0]), flush=True)
    print(faces.grid(("digit", *columns(rows)), lines(rows)))
    if asked.out:
        write_text(asked.out, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
