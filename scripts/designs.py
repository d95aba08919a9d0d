"""How well leave-out designs know what single images are worth: intervals, and two halves of the models compared.

python scripts/designs.py docs/results/audit/samples/leave_out_halves.safetensors ...
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from gsu_cli.audit.leave_out import LOSS, LeaveOut, read_design
from gsu_cli.audit.ranking import rank_correlation


def part(design: LeaveOut, models: Iterable[int]) -> LeaveOut:
    """The same of some of the models."""
    rows = torch.tensor(list(models))
    return replace(design, trained_on=design.trained_on[rows], losses={LOSS: design.losses[LOSS][rows]})


def said(path: Path) -> str:
    """A row: models, half width of the intervals, images whose interval lies above 0, agreement of two halves."""
    design = read_design(path)
    value, half = design.memorisation()
    n, folds = len(design.trained_on), int(design.about["folds"])
    middle = n // folds // 2 * folds  # whole deals: each image is left out as often on both sides
    one, two = (part(design, rows).memorisation()[0] for rows in (range(middle), range(middle, 2 * middle)))
    agreed = rank_correlation(one, two)
    width, above = float(half.mean()), float((value > half).double().mean())
    return f"| {path.stem} | {n} | {float(value.mean()):.2f} | {width:.1f} | {above:.1%} | {middle} | {agreed:.2f} |"


if __name__ == "__main__":
    print("| design | models | mean memorisation, nats | half width of an image's interval | above 0 |", end="")
    print(" models in a half | rank correlation of the halves |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in sys.argv[1:]:
        print(said(Path(name)))
