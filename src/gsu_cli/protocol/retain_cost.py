"""What a retain budget is measured on: the same images under the same noise for every method (docs/protocol.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.gradients import mean_loss
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import draw_images


@dataclass(frozen=True)
class RetainCost:
    """What a budget is measured on.

    Attributes:
        images: retained training images.
        seeds: of the noise in their loss, one for each latent of an image.
        start: the original's mean loss, nats per image.
    """

    images: Images
    seeds: tuple[int, ...]
    start: float

    @classmethod
    def of(cls, task: Task, n: int, latents: int = 1) -> RetainCost:
        """The same for every method of a seed; the first latent of the first images is what their stop rule looks at.

        Args:
            task: whose model is the original.
            n: images, at most.
            latents: of each image. Where kinds of images meet at steep borders a few latents carry most of a cost, and
                one an image says little.
        """
        images = draw_images(task.split, "retain", n, seed=task.stream("check", "retain"))
        seeds = tuple(task.stream("check noise", "retain", *([k] if k else [])) for k in range(latents))
        return cls(images, seeds, _mean(task.model, images, seeds, None))

    @property
    def passes(self) -> int:
        """Forward passes of one measurement, in images."""
        return len(self.images) * len(self.seeds)

    def relative_increase(self, model: Any, theta: Vector | None = None) -> float:
        """Relative increase of the loss, 0.01 for 1 %; at ``theta`` where given.

        Raises:
            NonFiniteError: the loss is nan or infinite.
        """
        return (_mean(model, self.images, self.seeds, theta) - self.start) / abs(self.start)


def _mean(model: Any, images: Images, seeds: tuple[int, ...], theta: Vector | None) -> float:
    return sum(mean_loss(model, images, seed=seed, theta=theta) for seed in seeds) / len(seeds)
