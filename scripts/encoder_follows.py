"""One step alone, with an encoder that follows, and as it is by default, digit by digit, retraining beside them.

python scripts/encoder_follows.py --data data                    # the table of docs/design/029-encoder-follows.md
python scripts/encoder_follows.py --data data --digits 9 --seeds 1 2
python scripts/encoder_follows.py --data data --digits 1 3 8 9 --ways "4,000 targets" "the default"
python scripts/encoder_follows.py --data data --digits 1 8 9 --checkpoint RUN/model.safetensors   # no retrained beside

A script, as it measures many updates in one process: `gsu reproduce table=digits` has the same step as runs. Digits 1,
3, 8 and 9 are development. Changes of 4,000 samples of the same noise, and of the -ELBO of 4,000 held-out images.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gsu_cli.data.base import Dataset
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.data.split import Split
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.gradients import parameters
from gsu_cli.judges.cnn import Cnn
from gsu_cli.judges.knn import Knn
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.seeds import generator
from gsu_cli.run.signed import signed
from gsu_cli.unlearning.images import first
from gsu_cli.unlearning.unlearn import unlearn

SHIPPED = FOLDER / "mnist/vae.safetensors"
DEVELOPMENT, SAMPLES, HELD_OUT = (1, 3, 8, 9), 4_000, 4_000
WAYS: dict[str, dict[str, Any]] = {
    "the step alone": {"finish": None, "encoder": "kept"},
    "the encoder follows": {"finish": None, "encoder": "follows"},
    "the default": {},  # the last layer refitted and the encoder following
    "4,000 targets": {"retain_images": 4_000},
    "20,000 targets": {"retain_images": 20_000},
    "by neighbours": {"target": "nearest", "solver": "kfac"},  # targets are not looked at, and nothing comes after it
    "one look": {"solver": "kfac"},
}
USUAL = list(WAYS)[:3]
Numbers = tuple[float, float, float, float]  # changes: by the CNN, the kNN, retain loss, forget loss


class Bench:
    """Judges, and what they say of the original, at one seed."""

    def __init__(self, data: Dataset, seed: int, checkpoint: Path) -> None:
        self.data, self.seed, self.retrained = data, seed, checkpoint == SHIPPED
        self.original: Any = load_checkpoint(checkpoint).model.eval()
        self.judges: tuple[Any, ...] = (
            Cnn(str(FOLDER / "mnist/judge.safetensors")).prepare(data, seed=seed),
            Knn().prepare(data, seed=seed),
        )
        self.before = self.labels(self.original)

    def labels(self, model: Any) -> list[torch.Tensor]:
        pixels = generate_samples(model, SAMPLES, self.seed)
        return [judge(pixels).labels for judge in self.judges]

    def loss(self, model: Any, split: Split, part: str) -> float:
        images = first(split.heldout_retain_images if part == "retain" else split.heldout_forget_images, HELD_OUT)
        return frozen_elbo(model, images, seed=self.seed).mean(parameters(model, list(model.generation_parameters())))

    def numbers(self, model: Any, split: Split, digit: int) -> Numbers:
        now = self.labels(model)
        cnn, knn = (float((a == digit).sum() / (b == digit).sum()) - 1 for a, b in zip(now, self.before, strict=True))
        kept, gone = (
            self.loss(model, split, part) / self.loss(self.original, split, part) - 1 for part in ("retain", "forget")
        )
        return cnn, knn, kept, gone

    def rows(self, digit: int, ways: list[str]) -> dict[str, Numbers]:
        """Of one digit in each of ``ways``, and retrained; prints what each step took."""
        split = ForgetSpec.from_values(class_=digit).resolve(self.data, generator=generator(0))
        found = {}
        for name in ways:
            times: dict[str, float] = {}

            @contextmanager
            def stage(part: str, times: dict[str, float] = times) -> Iterator[None]:
                start = time.process_time()
                yield
                times[part] = times.get(part, 0.0) + time.process_time() - start

            method = FisherSurgery(**WAYS[name])
            model, update = unlearn(
                self.original, split, method, generator=generator(self.seed), diagnostics=False, stage=stage
            )
            found[name] = self.numbers(model, split, digit)
            passed = update.details["cost"]["gradient_evaluations_per_image"]
            longer = update.details.get("encoder", {}).get("longer", 1.0)
            print(
                f"digit {digit}, seed {self.seed}, {name}: {times['unlearn']:.1f} s of CPU, {passed:.2f} gradients an "
                f"image, {longer:.2f} as long; {said(found[name])}",
                file=sys.stderr,
                flush=True,
            )
        if self.retrained:
            retrained = load_checkpoint(FOLDER / f"mnist/vae.without_class_{digit}.safetensors").model.eval()
            found["retrained"] = self.numbers(retrained, split, digit)
        return found


def said(numbers: Numbers) -> str:
    cnn, knn, kept, gone = numbers
    return f"{signed(cnn)} / {signed(knn)} at {signed(kept)}, {signed(gone, '.0%')}"


def mean(of: list[Numbers]) -> Numbers:
    cnn, knn, kept, gone = (sum(n[i] for n in of) / len(of) for i in range(4))
    return cnn, knn, kept, gone


def main(argv: list[str]) -> int:
    """Prints a table in Markdown: CNN / kNN at the change of the retain loss, and that of the forget loss."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED)
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=USUAL)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked = parser.parse_args(argv)
    data = Mnist(asked.data, download=False).load()
    found: dict[tuple[int, str], list[Numbers]] = {}
    for seed in asked.seeds:
        bench = Bench(data, seed, asked.checkpoint)
        for digit in asked.digits:
            for name, numbers in bench.rows(digit, asked.ways).items():
                found.setdefault((digit, name), []).append(numbers)
    ways = [*asked.ways, "retrained"] if bench.retrained else asked.ways
    print(f"| digit | {' | '.join(ways)} |\n|{'---|' * (len(ways) + 1)}")
    for digit in asked.digits:
        print(f"| {digit} | {' | '.join(said(mean(found[digit, way])) for way in ways)} |")
    parts = {
        "mean": asked.digits,
        "of development": [d for d in asked.digits if d in DEVELOPMENT],
        "of test": [d for d in asked.digits if d not in DEVELOPMENT],
    }
    for title, digits in parts.items():
        if digits and (bench.retrained or title == "mean"):  # which are development is said of the model that ships
            means = (said(mean([mean(found[d, way]) for d in digits])) for way in ways)
            print(f"| {title} | {' | '.join(means)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
