"""Figures of the diffusion model for `make bench`, each in a process of its own: ``python scripts/bench_diffusion.py``.

The unlearn stage that forgets the ones, training by the recipe of the weights that ship, and 2,000 samples. A whole
retraining takes most of an hour, so it is reckoned: seconds an image of some hundred steps, times the recipe's images.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

RECIPE = Recipe(epochs=6, batch_size=64, lr=2e-3, ema=0.998)  # conf/training/ddpm.yaml
STEPS, WARM = 200, 10  # of training: timed, and before that
RETAINED = 53_258  # images of MNIST that show no one
SAMPLES = 2_000
FIGURES = ("unlearn", "train", "sample")
Row = tuple[str, float, str, float | None, str]


def figure(what: str) -> dict[str, float]:
    """Seconds of the stage, of a whole retraining or of the samples, and the peak memory of this process."""
    dataset = Mnist(os.environ.get("GSU_DATA_DIR", "") or "/nonexistent", download=False).load()
    model = load_checkpoint(shipped("mnist", "ddpm") or Path("missing")).model
    if what == "train":
        once, size = replace(RECIPE, epochs=1), RECIPE.batch_size
        some = dataset.train[torch.arange(STEPS * size) % len(dataset.train)]
        fit(model, some[torch.arange(WARM * size)], once, seed=0)  # the first optimiser makes torch import its compiler
        seconds = fit(model, some, once, seed=0).seconds / len(some) * RETAINED * RECIPE.epochs
    else:
        split = ForgetSpec.from_values(class_=1).resolve(dataset, generator=torch.Generator())
        started = time.perf_counter()
        if what == "unlearn":
            unlearn(model, split, FisherSurgery(), generator=torch.Generator().manual_seed(0), diagnostics=False)
        else:
            generate_samples(model, SAMPLES, 0)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def rows() -> list[Row]:
    """Name, value, sign, target and origin of each figure."""
    found = {what: json.loads(subprocess.check_output([sys.executable, __file__, what])) for what in FIGURES}
    step, train = found["unlearn"], found["train"]
    reckoned = f"{train['seconds']:.0f} s, reckoned from {STEPS} of its steps"
    return [
        (
            "diffusion model, unlearn stage / retraining",
            step["seconds"] / train["seconds"],
            "<=",
            1 / 100,
            f"{step['seconds']:.1f} s against {reckoned}",
        ),
        (
            "diffusion model, unlearn stage / training, peak memory",
            step["mb"] / train["mb"],
            "<=",
            1.5,
            f"{step['mb']:.0f} MB against {train['mb']:.0f} MB",
        ),
        ("diffusion model, 2,000 samples, seconds", found["sample"]["seconds"], "<=", 30.0, "DDIM, 25 steps"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=FIGURES, help="one of them, as JSON")
    given = parser.parse_args()
    print(json.dumps(figure(given.what) if given.what else rows()))
