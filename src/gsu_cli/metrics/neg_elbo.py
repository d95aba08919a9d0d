"""-ELBO on held-out images: what a ratio and a Frechet distance cannot see, a blinded encoder, shows here at once."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.gradients import image_losses
from gsu_cli.metrics.base import Z95, Scene, Subject, mean_of, missing
from gsu_cli.models.protocols import NATS, loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive

DRAWN = 4_000  # latents in all, at least: few images are looked at several times
MOST = 8  # times, at most
UNIT = NATS


class NegElbo:
    """Mean negative ELBO in nats per held-out image, normal interval over images.

    Every subject sees the same images and the same reparametrisation noise, so a change from the original is far more
    precise than the interval of each (which is the spread between images) suggests: it has an interval of its own. Of
    fewer than `DRAWN` images each is decoded at several latents, up to `MOST`, and its mean loss counts: where kinds of
    images meet at steep borders, one latent of an image says little.

    Args:
        part: "retain" (a cost: lower is better) or "forget" (higher means forgotten; how high is right, retraining
            tells).
    """

    def __init__(self, part: Literal["retain", "forget"]) -> None:
        if part not in ("retain", "forget"):
            raise UsageError("`metric.neg_elbo.part` must be retain or forget", found=part)
        self.part = part
        self.name = f"neg_elbo_{part}"

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        better: Literal["lower"] | None = "lower" if self.part == "retain" else None
        if subject.model is None:
            return []
        if (unit := loss_unit(subject.model)) != UNIT:
            reason = f"{type(subject.model).__name__} has no -ELBO: its loss is the {unit}"
            return [missing(self.name, subject, reason, unit=UNIT, better=better)]
        split = scene.split
        index = split.heldout_retain if self.part == "retain" else split.heldout_forget
        if len(index) == 0:
            return [missing(self.name, subject, no_heldout(self.part, split), unit=UNIT, better=better)]
        images = split.dataset.heldout[index]
        try:
            losses = self._losses(subject.model, images, scene.seed)
        except NonFiniteError as e:  # a model that a method has blown up is a finding, and its other numbers count
            return [missing(self.name, subject, str(e).rstrip("."), unit=UNIT, better=better)]
        return [self.from_losses(losses, subject, scene.cache)]

    def _losses(self, model: Any, images: Images, seed: int) -> torch.Tensor:
        """Mean loss of each image over its latents, ``(n,)`` float64."""
        times = min(MOST, math.ceil(DRAWN / len(images)))
        seeds = [derive(seed, "elbo", self.part, *([k] if k else [])) for k in range(times)]
        return torch.stack([image_losses(model, images, seed=s).double() for s in seeds]).mean(0)

    def from_losses(self, losses: torch.Tensor, subject: Subject, cache: dict[str, Any] | None = None) -> Measurement:
        """Statistics ``(n,)`` -> number; ``cache`` remembers those of the original between subjects."""
        better: Literal["lower"] | None = "lower" if self.part == "retain" else None
        change = None if cache is None else change_from_original(losses, subject, cache, self.name)
        return mean_of(self.name, subject, losses, UNIT, better, change=change)


def no_heldout(part: str, split: Split) -> str:
    """Why there is no held-out image of a part."""
    reason = f"no held-out image belongs to the {part} set"
    if part == "forget" and split.n_forget:
        reason += " (single samples live in the training set)"
    return reason


def change_from_original(
    losses: torch.Tensor, subject: Subject, cache: dict[str, Any], name: str
) -> tuple[float, float] | None:
    """Interval of the change from the original's losses, which ``cache`` keeps under ``name``; None where it has none.

    Args:
        losses: ``(n,)``, image by image as the original's were: it comes first, or is not there.
        subject: whose losses.
        cache: of the scene.
        name: of the quantity.
    """
    original = cache.setdefault(name, losses if subject.name == "original" else None)
    return None if original is None or subject.name == "original" else paired_change(original, losses)


def paired_change(before: torch.Tensor, after: torch.Tensor) -> tuple[float, float] | None:
    """95 % interval of ``mean(after) / mean(before) - 1``, image by image (the delta method for a ratio of means).

    Args:
        before, after: ``(n,)``, of the same images in the same order.

    Returns:
        The interval; None of fewer than two images, or around a mean of zero.

    >>> before = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> [round(x, 6) for x in paired_change(before, 1.1 * before)]  # every image by the same factor: no doubt
    [0.1, 0.1]
    """
    n, base = len(before), before.mean().item()
    if n < 2 or base == 0:
        return None
    ratio = after.mean().item() / base
    half = Z95 * (after - ratio * before).std().item() / n**0.5 / abs(base)
    change = (after.mean().item() - base) / abs(base)
    return change - half, change + half
