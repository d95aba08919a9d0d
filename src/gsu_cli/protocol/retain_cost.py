"""What a retain budget is measured on: the same for every method of a seed (docs/protocol.md).

Of a model with a training loss it is the mean loss of retained training images under fixed noise, and the increase is
relative to the original's. A model without one (a GAN) is looked at through its own samples: the drift of those that
do not show what is to be forgotten, at the same noise,

    E |G(z) - G_0(z)|^2 / E |G_0(z) - E G_0|^2,

a share of their variance: 1 is as far as two unlike samples are apart, but for a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import mean_loss
from gsu_cli.models.protocols import NAMES, HasLoss, HasNoise, loss_unit
from gsu_cli.objectives.own_samples import OwnSamples, drift, generated_from, own_samples
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import draw_images
from gsu_cli.unlearning.labeller import train_labeller

LABELLER_IMAGES = 2_000  # of each part, at most


class RetainCost(Protocol):
    """How much a model has lost of what was to be kept.

    Attributes:
        unit: what the cost is a relative increase, or a share, of.
        words: its name, for lines and tables.
        n: training images, or samples, that it rests on.
        looks: how often each is looked at.
    """

    @property
    def unit(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def looks(self) -> int: ...

    def relative_increase(self, model: Any, theta: Vector | None = None) -> float:
        """0.01 for 1 %; at ``theta`` where given.

        Raises:
            NonFiniteError: the cost is nan or infinite.
        """


def retain_cost(task: Task, n: int, latents: int = 1) -> RetainCost:
    """The same for every method of a seed; the first latent of the first images is what their stop rule looks at.

    Args:
        task: whose model is the original.
        n: images or samples, at most.
        latents: of each image. Where kinds of images meet at steep borders a few latents carry most of a cost, and
            one an image says little. Samples have one.

    Raises:
        UsageError: several latents of samples, or samples that do not come from noise.
    """
    if isinstance(task.model, HasLoss):
        return LossCost.of(task, n, latents)
    if latents != 1:
        raise UsageError(
            "`protocol.latents` must be 1 for a model without a training loss, whose samples have one each",
            found=latents,
            way_out="Leave it out, or raise protocol.images",
        )
    if not isinstance(task.model, HasNoise):
        raise UsageError(
            f"a retain cost needs a model with {NAMES[HasLoss]}, or with {NAMES[HasNoise]}",
            found=type(task.model).__name__,
            way_out="Leave protocol.budget out, or give the class one of these",
        )
    return DriftCost.of(task, n)


@dataclass(frozen=True)
class LossCost:
    """The training loss of retained images.

    Attributes:
        images: retained training images.
        seeds: of the noise in their loss, one for each latent of an image.
        start: the original's mean loss, in ``unit`` per image; not 0.
        unit: of the loss.
    """

    images: Images
    seeds: tuple[int, ...]
    start: float
    unit: str
    words: str = "retain loss"

    @classmethod
    def of(cls, task: Task, n: int, latents: int = 1) -> LossCost:
        """Of the model of ``task``.

        Raises:
            UsageError: its loss is 0, so that nothing is relative to it.
        """
        images = draw_images(task.split, "retain", n, seed=task.stream("check", "retain"))
        seeds = tuple(task.stream("check noise", "retain", *([k] if k else [])) for k in range(latents))
        start = _mean(task.model, images, seeds, None)
        if start == 0:
            raise UsageError("a budget is a share of the original's retain loss, which must not be 0", found=start)
        return cls(images, seeds, start, loss_unit(task.model))

    @property
    def n(self) -> int:
        return len(self.images)

    @property
    def looks(self) -> int:
        return len(self.seeds)

    def relative_increase(self, model: Any, theta: Vector | None = None) -> float:
        return (_mean(model, self.images, self.seeds, theta) - self.start) / abs(self.start)


def _mean(model: Any, images: Images, seeds: tuple[int, ...], theta: Vector | None) -> float:
    return sum(mean_loss(model, images, seed=seed, theta=theta) for seed in seeds) / len(seeds)


@dataclass(frozen=True)
class DriftCost:
    """The drift of a model's own retained samples.

    Attributes:
        kept: samples of the original that do not show what is to be forgotten, with their noise.
        variance: of their pixels around their mean image, > 0.
    """

    kept: OwnSamples
    variance: float
    unit: str = "share of the variance"
    words: str = "drift of retained samples"
    looks: int = 1

    @classmethod
    def of(cls, task: Task, n: int) -> DriftCost:
        """Of the model of ``task``, by a labeller of its own: training images alone say what is to be forgotten.

        Raises:
            UsageError: the samples all look alike, or all show what is to be forgotten.
        """
        labeller = train_labeller(task, Cost(), most=LABELLER_IMAGES)

        def verdict(x: Tensor) -> Tensor:  # as odds of 1 or 0: every sample is one or the other
            return labeller.shows(x).float()

        seed = task.stream("check", "drift")
        kept = own_samples(task.model, n, verdict, seed=seed, option="protocol.images").kept()
        return cls(kept, kept.variance())

    @property
    def n(self) -> int:
        return len(self.kept.images)

    def relative_increase(self, model: Any, theta: Vector | None = None) -> float:
        return drift(generated_from(model, self.kept.noise, theta), self.kept.images, self.variance)
