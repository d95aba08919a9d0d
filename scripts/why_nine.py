"""What is left of a digit after one step, and why: the judge, the target, the decoder, or the budget.

python scripts/why_nine.py --data data docs/images/why_nine.png       # prints the tables of docs/design/025-why-nine.md

A script, as only this repository asks it, of one digit. All samples are of the same noise.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.mnist import Mnist
from gsu_cli.data.split import Split
from gsu_cli.evaluation.samples import generate_samples, reconstructions
from gsu_cli.judges.cnn import Cnn
from gsu_cli.judges.knn import Knn
from gsu_cli.methods.base import Method
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.joint_redirect import JointRedirect
from gsu_cli.models.model import copied, decode
from gsu_cli.objectives.nearest import nearest
from gsu_cli.objectives.targets import redirection
from gsu_cli.report.pictures import Block, Line, sheet
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.pretrained import FOLDER
from gsu_cli.run.seeds import generator
from gsu_cli.unlearning.images import draw_images
from gsu_cli.unlearning.unlearn import unlearn

DIGIT, BESIDE, SAMPLES, SEED = 9, (4, 7), 4_000, 1
Judges = Mapping[str, Any]


def models(split: Split) -> dict[str, Any]:
    """Original, one step, the same at three times the budget, many small steps, and retrained."""
    original = load_checkpoint(FOLDER / "mnist/vae.safetensors").model.eval()
    methods: dict[str, Method] = {
        "one step, 1 %": FisherSurgery(finish=None, encoder="kept"),
        "one step, 3 %": FisherSurgery(budget=0.03, finish=None, encoder="kept"),
        "joint, 1 %": JointRedirect(),
    }
    found = {"original": original}
    for name, method in methods.items():
        found[name], _ = unlearn(copied(original), split, method, generator=generator(SEED), diagnostics=False)
    found["retrained"] = load_checkpoint(FOLDER / f"mnist/vae.without_class_{DIGIT}.safetensors").model.eval()
    return found


def called(judges: Judges, pixels: Tensor) -> dict[str, Tensor]:
    """Which images each judge calls the digit, ``(n,)`` bool, and which both do."""
    found = {name: judge(pixels).labels == DIGIT for name, judge in judges.items()}
    return {**found, "both": torch.stack(list(found.values())).all(0)}


def cells(*values: object) -> str:
    return f"| {' | '.join(str(v) for v in values)} |"


def head(*titles: str) -> str:
    return f"\n{cells(*titles)}\n{'|---' * len(titles)}|"


def shares(judges: Judges, everyone: Mapping[str, Tensor]) -> None:
    """How often each model generates the digit, and where what is left comes from."""
    before = called(judges, everyone["original"])
    print(head("samples of", "CNN", "kNN", "both", "of both: called so before", "by neither before"))
    for name, pixels in everyone.items():
        now = called(judges, pixels)
        was = before["both"][now["both"]].float().mean()
        new = (~before["cnn"] & ~before["knn"])[now["both"]].float().mean()
        print(
            cells(name, *(f"{now[k].float().mean():.2%}" for k in ("cnn", "knn", "both")), f"{was:.0%}", f"{new:.0%}")
        )


def distances(everyone: Mapping[str, Tensor], judges: Judges, split: Split) -> None:
    """From samples that both judges call the digit to the nearest training images."""
    train = split.dataset.train
    print(
        head("samples that both call 9, of", "n", "to 9", *(f"to {k}" for k in BESIDE), "nearest of the three is a 9")
    )
    for name, pixels in everyone.items():
        mine = pixels[called(judges, pixels)["both"]].flatten(1).float() / 255
        away = []
        for label in (DIGIT, *BESIDE):
            pool = train[(train.labels == label).nonzero()[:, 0]].floats().flatten(1)
            away.append((mine - pool[nearest(mine, pool, 1)[:, 0]]).norm(dim=1))
        stacked = torch.stack(away)
        means = [f"{d.mean():.2f}" for d in away]
        print(cells(name, len(mine), *means, f"{(stacked.argmin(0) == 0).float().mean():.0%}"))


def parts(judges: Judges, split: Split, found: Mapping[str, Any], everyone: Mapping[str, Tensor]) -> None:
    """Each suspect by itself: what the judges say of real images, of the targets, and of what replaces nines."""
    original = found["original"]
    retain, forget = (draw_images(split, part, n, seed=SEED) for part, n in (("retain", 4_000), ("forget", 3_000)))  # type: ignore[arg-type]
    goal = redirection("nearest", original, forget, retain, split=split, seed=SEED)

    def as_bytes(x: Tensor) -> Tensor:
        return (x.detach() * 255).round().to(torch.uint8)

    with torch.no_grad():
        at = {name: as_bytes(decode(model, goal.latents)) for name, model in found.items() if name != "retrained"}
    held = split.heldout_retain_images
    looks = {
        "judge: real retained images, held out": held.pixels,
        "judge: their reconstructions": reconstructions(original, held),
        "judge: samples of the retrained model": everyone["retrained"],
        "target: what is to be generated instead": as_bytes(goal.targets),
        **{f"decoder: at the latents of nines, {name}": pixels for name, pixels in at.items()},
    }
    print(head("called 9", "n", "CNN", "kNN"))
    for name, pixels in looks.items():
        now = called(judges, pixels)
        print(cells(name, len(pixels), f"{now['cnn'].float().mean():.1%}", f"{now['knn'].float().mean():.1%}"))


def picture(path: Path, judges: Judges, everyone: Mapping[str, Tensor], columns: int = 16) -> None:
    """Samples that both judges call the digit after the step, and before it, in the order of sampling."""
    labels = {name: judges["cnn"](pixels).labels.tolist() for name, pixels in everyone.items()}
    blocks = []
    for who, title in (
        ("one step, 1 %", "still called 9 by both judges after one step"),
        ("original", "called 9 before"),
    ):
        index = called(judges, everyone[who])["both"].nonzero()[:columns, 0]
        shown = [name for name in everyone if name != "retrained"]
        blocks.append(Block(title, [_line(name, everyone[name], labels[name], index) for name in shown]))
    index = called(judges, everyone["retrained"])["both"].nonzero()[:columns, 0]
    title = "called 9 by both judges, of a model that never met one"
    sheet(path, [*blocks, Block(title, [_line("retrained", everyone["retrained"], labels["retrained"], index)])])


def _line(name: str, pixels: Tensor, labels: list[int], index: Tensor) -> Line:
    own = [labels[i] for i in index.tolist()]
    return Line(name, pixels[index], [str(k) for k in own], [k == DIGIT for k in own])


def main(argv: list[str]) -> int:
    """Prints the tables, and writes the picture where a path is given."""
    folder = argv[argv.index("--data") + 1] if "--data" in argv else "data"
    data = Mnist(folder, download=False).load()
    split = ForgetSpec.from_values(class_=DIGIT).resolve(data, generator=generator(0))
    judges = {
        "cnn": Cnn(str(FOLDER / "mnist/judge.safetensors")).prepare(data, seed=1),
        "knn": Knn().prepare(data, seed=1),
    }
    found = models(split)
    everyone = {name: generate_samples(model, SAMPLES, SEED) for name, model in found.items()}
    shares(judges, everyone)
    distances(everyone, judges, split)
    parts(judges, split, found, everyone)
    for path in (a for a in argv if a.endswith(".png")):
        picture(Path(path), judges, everyone)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
