"""What a retain budget is measured on: the same images under the same noise for every method (docs/protocol.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.gradients import mean_loss
from gsu_cli.methods.base import Task, draw_images
from gsu_cli.surgery.vectors import Vector


@dataclass(frozen=True)
class Gauge:
    """What a budget is measured on.

    Attributes:
        images: retained training images.
        seed: of the noise in their loss.
        start: the original's mean loss, nats per image.
    """

    images: Images
    seed: int
    start: float

    @classmethod
    def of(cls, task: Task, n: int) -> Gauge:
        """The same for every method of a seed: what the stop rule of the iterative ones looks at, too."""
        images = draw_images(task.split, "retain", n, seed=task.stream("check", "retain"))
        seed = task.stream("check noise", "retain")
        return cls(images, seed, mean_loss(task.model, images, seed=seed))

    def rise(self, model: Any, theta: Vector | None = None) -> float:
        """Relative raise of the loss, 0.01 for 1 %; at ``theta`` where given.

        Raises:
            NonFiniteError: the loss is nan or infinite.
        """
        return (mean_loss(model, self.images, seed=self.seed, theta=theta) - self.start) / abs(self.start)
