"""Figures of the diffusion model for `make bench`, each in a process of its own: ``python scripts/bench_diffusion.py``.

The unlearn stage that forgets the ones, training by the recipe of the weights that ship, and 2,000 samples, in turn. A
whole retraining takes minutes, so it is reckoned: seconds an image of some steps, times the recipe's images.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bench_turns import Row, alone, in_turn, ratio, single
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.provenance import peak_memory_mb
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

RECIPE = Recipe(epochs=6, batch_size=64, lr=2e-3, ema=0.998)  # conf/training/ddpm.yaml
STEPS, WARM = 70, 10  # of training: timed, and before that
RETAINED = 53_258  # images of MNIST that show no one
SAMPLES = 2_000
FIGURES = ("unlearn", "train", "sample")


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
    return {"seconds": seconds, "mb": peak_memory_mb()}


def rows(rounds: int, figures: tuple[str, ...] = FIGURES) -> list[Row]:
    """The rows of the figures that were measured; the stage is divided by the training of its round."""
    found = in_turn({what: partial(alone, __file__, what) for what in figures}, rounds)

    def of(what: str, key: str) -> list[float]:
        return [one[key] for one in found[what]]

    clock = f"{{:.1f}} s against {{:.0f}} s, reckoned from {STEPS} of its steps"
    stage, made = "diffusion model, unlearn stage", []
    if "unlearn" in found and "train" in found:
        over, under = of("unlearn", "seconds"), of("train", "seconds")
        made.append(ratio(f"{stage} / retraining", over, under, sign="<=", target=1 / 100, origin=clock))
        over, under = of("unlearn", "mb"), of("train", "mb")
        made.append(
            ratio(
                f"{stage} / training, peak memory",
                over,
                under,
                sign="<=",
                target=1.5,
                origin="{:.0f} MB against {:.0f} MB",
            )
        )
    if "sample" in found:
        words = "diffusion model, 2,000 samples, seconds"
        made.append(single(words, of("sample", "seconds"), "<=", 30.0, "DDIM, 25 steps"))
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=FIGURES, help="one of them, as JSON")
    parser.add_argument("--rounds", type=int, default=3, help="medians are printed")
    given = parser.parse_args()
    print(json.dumps(figure(given.what) if given.what else rows(given.rounds)))
