"""Does bfloat16 gain on this machine? ``python scripts/precision.py``: four minutes on one core.

Trains and samples each model in float32 and in bfloat16, in turn, on images of noise: a step costs the same whatever
they show. Prints how many times faster bfloat16 is, by CPU time, which a busy machine moves little, and by the clock:
medians of the rounds. Threads: as OMP_NUM_THREADS says.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.surgery.precision import PRECISIONS, computes_in, samples_in
from gsu_cli.training.fresh import initialise
from gsu_cli.training.optimisers import Optimisers
from gsu_cli.training.recipe import Recipe

WIDE = (64, 128, 256, 512)
MODELS: dict[str, tuple[Callable[[], Any], int, int]] = {  # name: model, images of a step, images to sample
    "mlp_vae, 28 x 28": (lambda: MlpVae((1, 28, 28)), 256, 4000),
    "conv_vae, 64 x 64 x 3, 16 to 128 maps": (lambda: ConvVae((3, 64, 64)), 64, 500),
    "conv_vae, 64 x 64 x 3, 64 to 512 maps": (lambda: ConvVae((3, 64, 64), channels=WIDE), 64, 200),
    "ddpm, 28 x 28": (lambda: Ddpm((1, 28, 28)), 64, 20),
}
STEPS = 4
Seconds = tuple[float, float]  # of CPU, and by the clock


def timed(work: Callable[[], object]) -> Seconds:
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - clock


def training(make: Callable[[], Any], size: int, precision: str) -> Seconds:
    """Of some steps, after one that warms up."""
    model = make()
    initialise(model, 0)
    model.train()
    x = torch.rand((size, *model.shape), generator=torch.Generator().manual_seed(0))
    y, optimisers = torch.zeros(size, dtype=torch.int64), Optimisers(model, Recipe(precision=precision), STEPS + 1)
    noise = torch.Generator().manual_seed(0)

    def steps(n: int) -> None:
        for _ in range(n):
            optimisers.backward(x, y, noise)
            optimisers.step()

    steps(1)
    return timed(lambda: steps(STEPS))


def sampling(make: Callable[[], Any], n: int, precision: str) -> Seconds:
    """Of some samples, after a few that warm up."""
    model = make()
    initialise(model, 0)
    model.eval()
    with samples_in(precision):
        generate_samples(model, 2, 0)
        return timed(lambda: generate_samples(model, n, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    cpu = torch.device("cpu")
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, bfloat16: {computes_in('bfloat16', cpu)}")
    for name, (make, size, n) in MODELS.items():
        for what, measure, amount in (("training", training, size), ("sampling", sampling, n)):
            found: dict[str, list[Seconds]] = {p: [] for p in PRECISIONS}
            for k in range(rounds):
                for p in PRECISIONS if k % 2 == 0 else PRECISIONS[::-1]:
                    found[p].append(measure(make, amount, p))
            plain, rounded = (tuple(map(statistics.median, zip(*found[p], strict=True))) for p in PRECISIONS)
            print(
                f"{name:40} {what}: bfloat16 is x {plain[0] / rounded[0]:.2f} as fast "
                f"({rounded[0]:.2f} s of CPU against {plain[0]:.2f} s; x {plain[1] / rounded[1]:.2f} by the clock)",
                flush=True,
            )


if __name__ == "__main__":
    main()
