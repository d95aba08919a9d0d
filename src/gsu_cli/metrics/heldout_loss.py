"""The training loss on held-out images, for models whose loss is no -ELBO: what forgetting cost, and what it reached.

A diffusion model's loss is the mean squared error of its prediction, at noise levels that are stratified over the
images and the same for every subject, as is the noise: the change from the original is image by image. The record also
has the loss in bands of noise, from least to most, because a class is decided where noise is high and strokes where it
is low.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import BLOCK, block_generator, image_losses
from gsu_cli.metrics.base import Scene, Subject, mean_of, missing
from gsu_cli.metrics.neg_elbo import change_from_original, no_heldout
from gsu_cli.models.protocols import NATS, HasNoiseLevels, loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive

EVALUATIONS = 4_000  # in all, at least: few images are looked at several times
MOST = 8  # times, at most
BANDS = 5


class HeldoutLoss:
    """Mean training loss per held-out image in the model's own unit, normal interval over images.

    Args:
        part: "retain" (a cost: lower is better) or "forget" (higher means forgotten; how high is right, retraining
            tells).
    """

    def __init__(self, part: Literal["retain", "forget"]) -> None:
        if part not in ("retain", "forget"):
            raise UsageError("`metric.heldout_loss.part` must be retain or forget", found=part)
        self.part = part
        self.name = f"heldout_loss_{part}"

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        unit = loss_unit(subject.model)
        if subject.model is None or unit == NATS:  # neg_elbo_retain and neg_elbo_forget measure those
            return []
        better: Literal["lower"] | None = "lower" if self.part == "retain" else None
        split = scene.split
        index = split.heldout_retain if self.part == "retain" else split.heldout_forget
        if len(index) == 0:
            return [missing(self.name, subject, no_heldout(self.part, split), unit=unit, better=better)]
        images = split.dataset.heldout[index]
        seeds = self._seeds(len(images), scene.seed)
        try:
            losses = torch.stack([image_losses(subject.model, images, seed=s).double() for s in seeds])
        except NonFiniteError as e:  # a model that a method has blown up is a finding, and its other numbers count
            return [missing(self.name, subject, str(e).rstrip("."), unit=unit, better=better)]
        change = change_from_original(losses.mean(0), subject, scene.cache, self.name)
        rows = [mean_of(self.name, subject, losses.mean(0), unit, better, change=change)]
        if isinstance(subject.model, HasNoiseLevels):
            times = torch.stack([times_of(subject.model, images, s) for s in seeds])
            rows += self._bands(losses.flatten(), times.flatten() / subject.model.train_steps, subject, scene.cache)
        return rows

    def _seeds(self, n: int, seed: int) -> list[int]:
        times = min(MOST, math.ceil(EVALUATIONS / n))
        return [derive(seed, "heldout loss", self.part, *([k] if k else [])) for k in range(times)]

    def _bands(self, losses: Tensor, share: Tensor, subject: Subject, cache: dict[str, Any]) -> list[Measurement]:
        """The mean loss in each band of ``t / T``; each evaluation belongs to one."""
        rows = []
        for band in range(BANDS):
            low, high = band / BANDS, (band + 1) / BANDS
            found = losses[(share >= low) & (share < high)]
            if len(found):
                name = f"loss_at_noise_{self.part}_{low:.1f}_{high:.1f}"
                change = change_from_original(found, subject, cache, name)
                rows.append(mean_of(name, subject, found, loss_unit(subject.model), None, change=change))
        return rows


def times_of(model: HasNoiseLevels, images: Images, seed: int) -> Tensor:
    """The times ``(n,)`` at which `image_losses` looked at ``images`` with ``seed``."""
    sizes = [len(x) for x, _ in images.batches(BLOCK)]
    return torch.cat([model.times(n, block_generator(seed, b)) for b, n in enumerate(sizes)])
