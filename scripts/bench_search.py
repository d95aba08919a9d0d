"""What Fisher surgery's search for its largest strength within a budget takes on avatars, for `make bench`.

    python scripts/bench_search.py [attribute ...]

As the cells of ``conf/table/leaderboard_avatars.yaml`` with seed 1: a retain loss of 1 % on 4,000 images, two latents
of each.
Gradients are counted, so they are the same on any machine; a forward pass counts a third.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench_turns import Row
from gsu_cli.data.avatars import Avatars
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.protocol.calibrated import Calibrated
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.seeds import generator
from gsu_cli.unlearning.unlearn import unlearn

BUDGET, IMAGES, LATENTS, SEED = 0.01, 4_000, 2, 1
ATTRIBUTES = ("glasses", "smile", "hat", "beard", "long_hair")


def searched(attribute: str, dataset: Any) -> dict[str, Any]:
    """The record of the search, with its trials and its cost."""
    model = load_checkpoint(shipped("avatars", "vae") or Path("missing")).model
    split = ForgetSpec.from_values(attribute=attribute).resolve(dataset, generator=generator(SEED))
    method = Calibrated(partial(FisherSurgery), FisherSurgery.strength, BUDGET, images=IMAGES, latents=LATENTS)
    _, update = unlearn(model, split, method, generator=generator(SEED, "unlearn"), diagnostics=False)
    found: dict[str, Any] = update.details["calibration"]
    return found


def rows(attributes: tuple[str, ...] = ATTRIBUTES) -> list[Row]:
    """Name, value, sign, target and origin of the figure."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        dataset = Avatars(folder).load()
        counts = {a: searched(a, dataset)["cost"]["gradient_evaluations_per_image"] for a in attributes}
    each = ", ".join(f"{a} {n:.1f}" for a, n in counts.items())
    note = f"{each}; {time.perf_counter() - started:.0f} s"
    name = "Fisher surgery within a budget on avatars, gradients an image"
    return [Row(name, sum(counts.values()) / len(counts), "<=", 6.0, note)]


if __name__ == "__main__":
    print(json.dumps(rows(tuple(sys.argv[1:]) or ATTRIBUTES)))
