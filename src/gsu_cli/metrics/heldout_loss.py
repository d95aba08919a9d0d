"""The training loss on held-out images, for models whose loss is no -ELBO: what forgetting cost, and what it reached.

A diffusion model's loss is the mean squared error of its prediction, at noise levels that are stratified over the
images and the same for every subject, as is the noise: the change from the original is image by image. The record also
has the loss in bands of noise, from least to most, because a class is decided where noise is high and strokes where it
is low.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError
from gsu_cli.gradients import BLOCK, block_generator, image_losses
from gsu_cli.metrics.base import Scene, Subject, mean_of, missing
from gsu_cli.metrics.heldout import HeldoutPart, change_from_original
from gsu_cli.models.protocols import NATS, HasNoiseLevels, loss_unit
from gsu_cli.run.record import Measurement

BANDS = 5


class HeldoutLoss:
    """Mean training loss per held-out image in the model's own unit, normal interval over images.

    Args:
        part: "retain" (a cost: lower is better) or "forget" (higher means forgotten; how high is right, retraining
            tells).
    """

    def __init__(self, part: Literal["retain", "forget"]) -> None:
        self.part = HeldoutPart.of(part, "heldout_loss")
        self.name = f"heldout_loss_{part}"

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        unit = loss_unit(subject.model)
        if subject.model is None or unit == NATS:  # neg_elbo_retain and neg_elbo_forget measure those
            return []
        common: dict[str, Any] = {"unit": unit, "better": self.part.better}
        images = self.part.images(scene.split)
        if not len(images):
            return [missing(self.name, subject, self.part.none(scene.split), **common)]
        seeds = self.part.seeds(len(images), scene.seed, "heldout loss")
        try:
            losses = torch.stack([image_losses(subject.model, images, seed=s).double() for s in seeds])
        except NonFiniteError as e:  # a model that a method has blown up is a finding, and its other numbers count
            return [missing(self.name, subject, str(e).rstrip("."), **common)]
        change = change_from_original(losses.mean(0), subject, scene.cache, self.name)
        rows = [mean_of(self.name, subject, losses.mean(0), unit, self.part.better, change=change)]
        if isinstance(subject.model, HasNoiseLevels):
            times = torch.stack([times_of(subject.model, images, s) for s in seeds])
            rows += self._bands(losses.flatten(), times.flatten() / subject.model.train_steps, subject, scene.cache)
        return rows

    def _bands(self, losses: Tensor, share: Tensor, subject: Subject, cache: dict[str, Any]) -> list[Measurement]:
        """The mean loss in each band of ``t / T``; each evaluation belongs to one."""
        rows = []
        for band in range(BANDS):
            low, high = band / BANDS, (band + 1) / BANDS
            found = losses[(share >= low) & (share < high)]
            if len(found):
                name = f"loss_at_noise_{self.part.part}_{low:.1f}_{high:.1f}"
                change = change_from_original(found, subject, cache, name)
                rows.append(mean_of(name, subject, found, loss_unit(subject.model), None, change=change))
        return rows


def times_of(model: HasNoiseLevels, images: Images, seed: int) -> Tensor:
    """The times ``(n,)`` at which `image_losses` looked at ``images`` with ``seed``."""
    sizes = [len(x) for x, _ in images.batches(BLOCK)]
    return torch.cat([model.times(n, block_generator(seed, b)) for b, n in enumerate(sizes)])
