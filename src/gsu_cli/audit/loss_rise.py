"""The rise of the mean loss of images in models trained without a part: predicted, realised, and the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.audit.base import Audited
from gsu_cli.audit.leave_out import LOSS, LeaveOut
from gsu_cli.evaluation.intervals import quantile95
from gsu_cli.run.record import Measurement


@dataclass(frozen=True)
class Rise:
    """Of the mean loss of images, by leaving ``n`` of ``of`` training images out.

    Attributes:
        predicted: by damping, mean over the models that lack as many, in the unit of the loss.
        realised: the same as it is.
        floor: root mean square of the same between one model of all images and others.
        half: half the width of the 95 % interval of ``realised``, by the floor: Student's, of the models of all images.
        models: that lack as many.
    """

    n: int
    of: int
    predicted: Mapping[float, float]
    realised: float
    floor: float
    half: float
    models: int

    def rows(self, a: Audited, part: str, unit: str) -> list[Measurement]:
        """The predicted rise by damping, the realised one and the floor, in ``unit``, as rows of ``a``."""
        end = f"without_{self.n}" if part == "left_out" else f"of_{part}_without_{self.n}"
        low, high = self.realised - self.half, self.realised + self.half
        n, sha256 = self.models, a.sha256
        return [
            *(
                Measurement(f"predicted_rise_{end}_at_{d:g}", a.name, value, n=n, unit=unit, sha256=sha256)
                for d, value in self.predicted.items()
            ),
            Measurement(f"realised_rise_{end}", a.name, self.realised, low, high, n, unit, sha256=sha256),
            Measurement(f"floor_{end}", a.name, self.floor, n=n, unit=unit, sha256=sha256),
        ]


def rises_of(design: LeaveOut, changes: Mapping[float, Tensor], part: str) -> list[Rise]:
    """The rises at each number of images that models of the design lack, the fewest first.

    Args:
        design: with models of all images, two at least, and models that lack some.
        changes: by damping, predicted, of each image's loss under each model of the design, ``(models, images)``.
        part: "left_out" or "heldout".
    """
    L, n = design.losses[LOSS].double(), design.n
    whole = L[design.trained_on.all(1)]
    lacks = (~design.trained_on).sum(1)
    found = []
    for size in sorted(set(lacks.tolist()) - {0}):
        models = (lacks == size).nonzero()[:, 0].tolist()
        at = {k: _of(design, k, part) for k in models}
        if not all(len(index) for index in at.values()):
            return []
        between = [
            float((whole[b] - _without(whole, b).mean(0))[index].mean())
            for index in at.values()
            for b in range(len(whole))
        ]
        m = len(whole)
        square = sum(d * d for d in between) / len(between)
        seeds = square / (1 + 1 / (m - 1))  # of one model, by its seed alone
        predicted = {
            d: sum(float(rows[k, index].mean()) for k, index in at.items()) / len(at) for d, rows in changes.items()
        }
        realised = sum(float((L[k] - whole.mean(0))[index].mean()) for k, index in at.items()) / len(at)
        half = quantile95(m) * (seeds * (1 / len(at) + 1 / m)) ** 0.5
        found.append(Rise(size, n, predicted, realised, square**0.5, half, len(at)))
    return found


def _of(design: LeaveOut, k: int, part: str) -> Tensor:
    if part == "left_out":
        return (~design.trained_on[k]).nonzero()[:, 0]
    return torch.arange(design.n, design.losses[LOSS].shape[1])


def _without(rows: Tensor, k: int) -> Tensor:
    return torch.cat([rows[:k], rows[k + 1 :]])
