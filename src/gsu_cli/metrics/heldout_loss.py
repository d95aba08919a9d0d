"""The training loss on held-out images, of every family in its own unit: what forgetting cost, and what it reached.

What a ratio and a Frechet distance cannot see, a blinded encoder, shows here at once. Every subject sees the same
images and the same noise, so a change from the original is far more precise than the interval of each (which is the
spread between images) suggests: it has an interval of its own. Of fewer than `heldout.DRAWS` images each is looked at
several times, up to `heldout.MOST`, and its mean loss counts.

A diffusion model's loss is the mean squared error of its prediction, at noise levels that are stratified over the
images and the same for every subject, as is the noise: the change from the original is image by image. The record also
has the loss in bands of noise, from least to most, because a class is decided where noise is high and strokes where it
is low.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError
from gsu_cli.evaluation import cached
from gsu_cli.evaluation.heldout import HeldoutPart, change_from_original
from gsu_cli.gradients import BLOCK, block_generator
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.models.protocols import NATS, HasLoss, HasNoiseLevels, loss_unit, named_unit
from gsu_cli.run.record import Measurement

BANDS = 5
STREAMS = {NATS: "elbo"}  # of noise
RETAIN = Kind("heldout_loss_retain", "retain loss", "cost", better="lower", place="lead")
FORGET = Kind("heldout_loss_forget", "forget loss", "forgetting")  # how high is right, retraining tells


class HeldoutLoss:
    """Mean training loss per held-out image in the model's own unit, normal interval over images.

    Args:
        part: "retain" (a cost: lower is better) or "forget" (higher means forgotten; how high is right, retraining
            tells).
    """

    def __init__(self, part: Literal["retain", "forget"]) -> None:
        self.part = HeldoutPart.of(part, "heldout_loss")
        self.kind = RETAIN if part == "retain" else FORGET

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        if subject.model is None:
            return []
        has_loss = isinstance(subject.model, HasLoss)
        if not has_loss:
            why = f"{type(subject.model).__name__} has no loss of an image"
            return [replace(self.kind, unit="").missing(subject, why)]
        unit = loss_unit(subject.model)
        kind = replace(self.kind, unit=named_unit(subject.model))
        images = self.part.images(context.split)
        if not len(images):
            return [kind.missing(subject, self.part.none(context.split))]
        seeds = self.part.seeds(len(images), context.seed, STREAMS.get(unit, "heldout loss"))
        try:
            losses = torch.stack(
                [cached.losses(subject.model, images, seed=s, recur=subject.recurs).double() for s in seeds]
            )
        except NonFiniteError as e:  # a model that a method has blown up is a finding, and its other numbers count
            return [kind.missing(subject, str(e).rstrip("."))]
        change = change_from_original(losses.mean(0), subject, context.cache, name=kind.name, unit=kind.unit)
        rows = [kind.mean(subject, losses.mean(0), change=change)]
        if isinstance(subject.model, HasNoiseLevels):
            times = torch.stack([times_of(subject.model, images, s) for s in seeds])
            rows += self._bands(losses, times / subject.model.train_steps, subject, context.cache)
        return rows

    def _bands(
        self, losses: Tensor, share: Tensor, subject: EvaluatedModel, cache: dict[str, Any]
    ) -> list[Measurement]:
        """The mean loss in each band of ``t / T``; each look belongs to one, and several at one image are one image.

        Args:
            losses, share: ``(looks, n)``, of each look at each image.
            subject: whose losses.
            cache: of the context.
        """
        rows = []
        for band in range(BANDS):
            low, high = band / BANDS, (band + 1) / BANDS
            within = (share >= low) & (share < high)
            found, of = losses[within], within.nonzero()[:, 1]
            if len(found):
                name = f"loss_at_noise_{self.part.part}_{low:.1f}_{high:.1f}"
                kind = Kind(name, name.replace("_", " "), "cost", loss_unit(subject.model), place="record")
                several = of if len(losses) > 1 else None
                change = change_from_original(found, subject, cache, name=name, unit=kind.unit, images=several)
                rows.append(kind.mean(subject, found, change=change, images=several))
        return rows


def times_of(model: HasNoiseLevels, images: Images, seed: int) -> Tensor:
    """The times ``(n,)`` at which `image_losses` looked at ``images`` with ``seed``."""
    sizes = [len(x) for x, _ in images.batches(BLOCK)]
    return torch.cat([model.times(n, block_generator(seed, b)) for b, n in enumerate(sizes)])
