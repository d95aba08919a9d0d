"""-ELBO on held-out images: what a ratio and a Frechet distance cannot see, a blinded encoder, shows here at once."""

from __future__ import annotations

from typing import Any, Literal

import torch

from gsu_cli.errors import NonFiniteError
from gsu_cli.gradients import image_losses
from gsu_cli.metrics.base import Scene, Subject, mean_of, missing
from gsu_cli.metrics.heldout import HeldoutPart, change_from_original
from gsu_cli.models.protocols import NATS, loss_unit
from gsu_cli.run.record import Measurement

UNIT = NATS


class NegElbo:
    """Mean negative ELBO in nats per held-out image, normal interval over images.

    Every subject sees the same images and the same reparametrisation noise, so a change from the original is far more
    precise than the interval of each (which is the spread between images) suggests: it has an interval of its own. Of
    fewer than `heldout.DRAWS` images each is decoded at several latents, up to `heldout.MOST`, and its mean loss
    counts: where kinds of images meet at steep borders, one latent of an image says little.

    Args:
        part: "retain" (a cost: lower is better) or "forget" (higher means forgotten; how high is right, retraining
            tells).
    """

    def __init__(self, part: Literal["retain", "forget"]) -> None:
        self.part = HeldoutPart.of(part, "neg_elbo")
        self.name = f"neg_elbo_{part}"

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        if subject.model is None:
            return []
        common: dict[str, Any] = {"unit": UNIT, "better": self.part.better}
        if (unit := loss_unit(subject.model)) != UNIT:
            reason = f"{type(subject.model).__name__} has no -ELBO: its loss is the {unit}"
            return [missing(self.name, subject, reason, **common)]
        images = self.part.images(scene.split)
        if not len(images):
            return [missing(self.name, subject, self.part.none(scene.split), **common)]
        seeds = self.part.seeds(len(images), scene.seed, "elbo")
        try:
            losses = torch.stack([image_losses(subject.model, images, seed=s).double() for s in seeds]).mean(0)
        except NonFiniteError as e:  # a model that a method has blown up is a finding, and its other numbers count
            return [missing(self.name, subject, str(e).rstrip("."), **common)]
        return [self.from_losses(losses, subject, scene.cache)]

    def from_losses(self, losses: torch.Tensor, subject: Subject, cache: dict[str, Any] | None = None) -> Measurement:
        """Statistics ``(n,)`` -> number; ``cache`` remembers those of the original between subjects."""
        change = None if cache is None else change_from_original(losses, subject, cache, self.name)
        return mean_of(self.name, subject, losses, UNIT, self.part.better, change=change)
