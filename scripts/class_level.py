"""The loss expected of a class that was never trained on, beside that of a model trained without it.

python scripts/class_level.py --data data                                                     # ten digits, shipped VAE
python scripts/class_level.py forget.class=1 checkpoint.path=A retrained=B dataset.path=DIR   # any pair

A script, as only this repository asks whether the level is right. docs/design/024-class-level.md shows what it printed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.idx import Idx
from gsu_cli.data.mnist import Mnist
from gsu_cli.gradients import parameters
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.seeds import generator
from gsu_cli.run.signed import signed
from gsu_cli.solvers.class_level import class_level
from gsu_cli.unlearning.images import draw_images

HEAD = (
    "| forgotten | sensitivity | divergence | expected rise, nats | retrained, the same images "
    "| retrained, held out | expected / retrained |"
)


def loss(model: Any, images: Images) -> float:
    """Nats per image."""
    return frozen_elbo(model, images, seed=5).mean(parameters(model, list(model.generation_parameters())))


def row(data: Dataset, label: int, original: Path, retrained: Path) -> str:
    """Of one class: a row of the table."""
    model, other = (load_checkpoint(path).model.eval() for path in (original, retrained))
    split = ForgetSpec.from_values(class_=label).resolve(data, generator=generator(0))
    retain, others = (draw_images(split, "retain", n, seed=k) for k, n in ((1, 4_000), (2, 500)))
    forget = draw_images(split, "forget", 500, seed=3)
    fisher = kronecker_fisher(model, retain, list(model.generation_parameters()), seed=6)
    level = class_level(model, forget, others, fisher, seed=5, ends=False)
    gone = draw_images(split, "forget", 3_000, seed=4)
    start, rise = loss(model, gone), loss(other, gone) - loss(model, gone)
    notes, held = level.notes, split.heldout_forget_images
    cells = [
        f"{label} | {notes['sensitivity']:.2f} | {notes['divergence']:.1f}",
        f"{signed(level.expected, '.1f')} ({signed(level.expected / start, '.0%')})",
        f"{signed(rise, '.1f')} ({signed(rise / start, '.0%')})",
        f"{signed(loss(other, held) / loss(model, held) - 1, '.0%')}",
        f"{level.expected / rise:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(argv: list[str]) -> int:
    """Prints the table."""
    typed = dict(a.split("=", 1) for a in argv if "=" in a)
    print(HEAD)
    print("|---" * 7 + "|")
    if typed:
        data = (Idx(typed["dataset.path"], "idx") if "dataset.path" in typed else Mnist(typed["data"])).load()
        label = int(typed["forget.class"])
        print(row(data, label, Path(typed["checkpoint.path"]), Path(typed["retrained"])))
        return 0
    data = Mnist(argv[argv.index("--data") + 1] if "--data" in argv else "data").load()
    for label in range(10):
        without = FOLDER / f"mnist/vae.without_class_{label}.safetensors"
        print(row(data, label, FOLDER / "mnist/vae.safetensors", without), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
