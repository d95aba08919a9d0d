"""Losses of both parts on fixed training images under fixed noise: what an update realised of what it promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.gradients import mean_loss
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.descent import Part
from gsu_cli.unlearning.images import CHECK_IMAGES, draw_images

PARTS: tuple[Part, Part] = ("retain", "forget")


@dataclass(frozen=True)
class CheckLosses:
    """Of one model, whose weights move in the meantime.

    Attributes:
        model: of the task.
        images: of each part, random.
        seeds: of each part's noise.
    """

    model: Any
    images: Mapping[Part, Images]
    seeds: Mapping[Part, int]

    @classmethod
    def of(cls, task: Task, most: int = CHECK_IMAGES) -> CheckLosses:
        """On at most ``most`` images of each part."""
        images = {part: draw_images(task.split, part, most, seed=task.stream("check", part)) for part in PARTS}
        return cls(task.model, images, {part: task.stream("check noise", part) for part in PARTS})

    def now(self, theta: Vector | None = None) -> dict[str, float]:
        """The mean loss of each part, at ``theta`` or at the present weights."""
        return {
            part: mean_loss(self.model, images, seed=self.seeds[part], theta=theta)
            for part, images in self.images.items()
        }

    def rises(self, before: Mapping[str, float]) -> dict[str, float]:
        """By how much each has risen since."""
        return {part: loss - before[part] for part, loss in self.now().items()}
