"""Denoising diffusion with a small UNet of its own.

With ``a_t`` the share of the image's variance that is left at time ``t``, ``x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps``.

Sources: Ho, Jain and Abbeel, NeurIPS 2020; Salimans and Ho, ICLR 2022, appendix D (v).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gsu_cli.checks import as_int, as_ints, as_shape
from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import DROP
from gsu_cli.models.diffusion.base import Denoiser
from gsu_cli.models.diffusion.guidance import check_guidance
from gsu_cli.models.diffusion.schedule import alpha_bars
from gsu_cli.models.diffusion.unet import UNet

PREDICTIONS = ("eps", "v")


class Ddpm(Denoiser):
    """A diffusion model of images, told the class of an image where ``conditions`` is not 0.

    Args:
        shape: ``(c, h, w)`` of the images.
        channels: of the UNet's levels, from fine to coarse; multiples of 8.
        patch: side of the square of pixels that the first level sees as one place.
        embedding: width of the time embedding.
        prediction: "eps" or "v": what the network says, and what the loss compares.
        schedule: "cosine" or "linear".
        train_steps: ``T``, the number of noise levels.
        sample_steps: of them that DDIM visits, both ends included.
        conditions: ``C``, the number of classes; 0: unconditional.
        drop: share of the training images whose condition is hidden.
        guidance: how far sampling goes from the null condition's prediction to the condition's: 1 is the condition's
            own, more is beyond it. May be set on a model; training does not use it.

    Raises:
        UsageError: an option is not one of these, or a size does not divide the images.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int] = (32, 64),
        patch: int = 2,
        embedding: int = 128,
        prediction: str = "v",
        schedule: str = "cosine",
        train_steps: int = 1000,
        sample_steps: int = 25,
        conditions: int | None = 0,
        drop: float = DROP,
        guidance: float = 1.0,
    ) -> None:
        super().__init__()
        if prediction not in PREDICTIONS:
            raise UsageError(f"`model.prediction` must be one of {', '.join(PREDICTIONS)}", found=repr(prediction))
        self.shape, self.channels = as_shape("model.shape", shape), as_ints("model.channels", channels)
        self.patch, self.embedding = as_int("model.patch", patch), as_int("model.embedding", embedding)
        self.prediction, self.schedule = prediction, schedule
        bars = alpha_bars(schedule, train_steps)
        self.train_steps, self.sample_steps = train_steps, as_int("model.sample_steps", sample_steps, 2)
        if self.sample_steps > train_steps:
            raise UsageError(f"`model.sample_steps` must be at most train_steps, {train_steps}", found=sample_steps)
        self._expect(conditions, drop)
        self.guidance = check_guidance(guidance, self.conditions)
        self.network = UNet(self.shape, self.channels, self.patch, self.embedding, self.conditions)
        self._noise_by(bars.sqrt(), (1 - bars).sqrt())

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "channels": list(self.channels),
            "patch": self.patch,
            "embedding": self.embedding,
            "prediction": self.prediction,
            "schedule": self.schedule,
            "train_steps": self.train_steps,
            "sample_steps": self.sample_steps,
            **({"conditions": self.conditions, "drop": self.drop} if self.conditions else {}),
            **({"guidance": self.guidance} if self.guidance != 1 else {}),
        }

    def condition_column(self, c: int) -> tuple[str, int]:
        """The embedding of condition ``c``: a parameter, and which of its columns."""
        return "network.condition.weight", c
