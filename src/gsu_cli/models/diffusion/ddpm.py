"""Denoising diffusion with a small UNet of its own.

With ``a_t`` the share of the image's variance that is left at time ``t``, ``x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps``.

Sources: Ho, Jain and Abbeel, NeurIPS 2020; Salimans and Ho, ICLR 2022, appendix D (v).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from gsu_cli.checks import as_choice
from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import DROP
from gsu_cli.models.diffusion.schedule import SCHEDULES, alpha_bars
from gsu_cli.models.diffusion.small import SmallDenoiser

PREDICTIONS = ("eps", "v")
FEWEST_LINEAR = 21  # its last beta, 0.02 at 1,000 steps and scaled to fewer, must stay below 1


class Ddpm(SmallDenoiser):
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
        as_choice("model.prediction", prediction, PREDICTIONS)
        bars = alpha_bars(schedule, train_steps)
        if schedule == "linear" and train_steps < FEWEST_LINEAR:
            raise UsageError(
                f"`model.schedule=linear` needs at least {FEWEST_LINEAR} train_steps: with fewer, its last steps would "
                "add more noise than there is",
                found=train_steps,
                way_out="Type model.schedule=cosine, or more model.train_steps",
            )
        a, s = bars.sqrt(), (1 - bars).sqrt()
        unet = (shape, channels, patch, embedding)
        super().__init__(*unet, sample_steps, conditions, drop, guidance, signal=a, noisiness=s)
        self.prediction, self.schedule = prediction, schedule

    def _own_config(self) -> dict[str, Any]:
        return {"prediction": self.prediction, "schedule": self.schedule}

    def other_schedules(self) -> dict[str, Tensor]:
        kinds = [kind for kind in SCHEDULES if kind != self.schedule]
        return {f"model.schedule={kind}": alpha_bars(kind, self.train_steps) for kind in kinds}
