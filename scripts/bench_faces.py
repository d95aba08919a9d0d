"""Figures of faces for `make bench`, each in a process of its own: ``python scripts/bench_faces.py [WHAT FOLDER]``.

K-FAC of 4,000 faces and the unlearn stage of glasses by two solvers, each beside an epoch of training on 7,000 faces in
the same round. An epoch is reckoned from some of its steps, once they are warm.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path

import torch

from bench_turns import Row, alone, in_turn, ratio
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.avatars import Avatars
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.provenance import peak_memory_mb
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

RECIPE = Recipe(epochs=1, batch_size=32, lr=1e-5)
EPOCH, STEPS, WARM = 7_000, 70, 5  # images of an epoch; steps of training that are timed, and before that
FIGURES = ("fisher", "least_squares", "gauss_newton", "epoch")
ROWS = {
    "fisher": ("K-FAC of 4,000 faces", 2.0, 2.0),
    "least_squares": ("glasses unlearned, least_squares", 1.0, 1.3),
    "gauss_newton": ("glasses unlearned, gauss_newton", None, None),
}  # names, and targets of time and memory


def faces(what: str, folder: str, steps: int | None = STEPS) -> dict[str, float]:
    """Seconds and peak memory of the convolutional decoder's Kronecker factors, a whole unlearning, or an epoch.

    Args:
        what: one of `FIGURES`.
        folder: keeps the faces.
        steps: of training, from which an epoch is reckoned; None takes the whole epoch.
    """
    images = (dataset := Avatars(folder).load()).train
    model = load_checkpoint(shipped("avatars", "vae") or Path("missing")).model
    split = ForgetSpec.from_values(attribute="glasses").resolve(dataset, generator=torch.Generator())
    if what == "epoch" and steps is not None:
        some, warm = steps * RECIPE.batch_size, WARM * RECIPE.batch_size
        images.pixels.max()  # an epoch reads all of them, and mapped pages count as memory
        fit(model, images[:warm], RECIPE, seed=0)
        return {"seconds": fit(model, images[:some], RECIPE, seed=0).seconds / some * EPOCH, "mb": peak_memory_mb()}
    started = time.perf_counter()
    if what == "fisher":
        kronecker_fisher(model, images[torch.arange(4000)], seed=0, ekfac=False)
    elif what == "epoch":
        fit(model, images, RECIPE, seed=0)
    else:
        rng = torch.Generator().manual_seed(0)
        unlearn(model, split, FisherSurgery(solver=what), generator=rng, diagnostics=False)
    return {"seconds": time.perf_counter() - started, "mb": peak_memory_mb()}


def rows(rounds: int, figures: tuple[str, ...] = FIGURES) -> list[Row]:
    """Of each figure its time and its peak memory, divided by those of an epoch in the same round."""
    with tempfile.TemporaryDirectory() as folder:
        Avatars(folder).load()  # made once, read by all
        found = in_turn({what: partial(alone, __file__, what, folder) for what in figures}, rounds)

    def beside(what: str, key: str) -> tuple[list[float], list[float]]:
        return [one[key] for one in found[what]], [one[key] for one in found["epoch"]]

    clock, memory = f"{{:.1f}} s against {{:.1f}} s, reckoned from {STEPS} steps", "{:.0f} MB against {:.0f} MB"
    made = []
    for what, (name, time_target, memory_target) in ROWS.items():
        if what in found:
            beyond = f"{name} / an epoch of 7,000"
            made.append(ratio(f"{beyond}, time", *beside(what, "seconds"), sign="<=", target=time_target, origin=clock))
            made.append(
                ratio(f"{beyond}, peak memory", *beside(what, "mb"), sign="<=", target=memory_target, origin=memory)
            )
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=FIGURES, help="one of them, as JSON")
    parser.add_argument("folder", nargs="?", help="where the faces are kept")
    parser.add_argument("--rounds", type=int, default=3, help="medians are printed")
    given = parser.parse_args()
    print(json.dumps(faces(given.what, given.folder) if given.what else rows(given.rounds)))
