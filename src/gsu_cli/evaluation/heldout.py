"""Losses of held-out images: of which part, at how many samples of noise, and their change from the original."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import mean_half_width
from gsu_cli.run.seeds import derive

DRAWS = 4_000  # of noise in all, at least: few images are looked at several times
MOST = 8  # times, at most
NOTHING_FORGOTTEN = "nothing is to be forgotten"  # of an evaluation without a forget spec


@dataclass(frozen=True)
class HeldoutPart:
    """The held-out images that a loss is measured on.

    Attributes:
        part: "retain" (a cost: lower is better) or "forget" (higher means forgotten; how high is right, retraining
            tells).
    """

    part: Literal["retain", "forget"]

    @classmethod
    def of(cls, part: Literal["retain", "forget"], metric: str) -> HeldoutPart:
        """The part, as the option ``metric.<metric>.part`` names it.

        Raises:
            UsageError: it is neither.
        """
        if part not in ("retain", "forget"):
            raise UsageError(f"`metric.{metric}.part` must be retain or forget", found=part)
        return cls(part)

    def images(self, split: Split) -> Images:
        """Those of the part; there may be none."""
        return split.dataset.heldout[split.heldout_retain if self.part == "retain" else split.heldout_forget]

    def none(self, split: Split) -> str:
        """Why there are none."""
        if self.part == "forget" and not split.n_forget:
            return NOTHING_FORGOTTEN
        reason = f"no held-out image belongs to the {self.part} set"
        if self.part == "forget" and (split.by_index or split.fraction is not None):
            reason += " (single samples live in the training set)"
        return reason

    def seeds(self, n: int, seed: int, stream: str) -> list[int]:
        """Of the noise at which ``n`` images are looked at, one each time, the same for every subject."""
        times = min(MOST, math.ceil(DRAWS / n))
        return [derive(seed, stream, self.part, *([k] if k else [])) for k in range(times)]


def change_from_original(
    losses: torch.Tensor,
    subject: EvaluatedModel,
    cache: dict[str, Any],
    *,
    name: str,
    unit: str,
    images: torch.Tensor | None = None,
) -> tuple[float, float] | None:
    """Interval of the change from the original's losses, which ``cache`` keeps under ``name``; None where it has none.

    Args:
        losses: ``(n,)``, image by image as the original's were: it comes first, or is not there.
        subject: whose losses.
        cache: of the context.
        name: of the quantity.
        unit: of the losses.
        images: of each loss the place of its image, where several are of one.
    """
    original = cache.setdefault(name, losses if subject.name == "original" else None)
    return None if original is None or subject.name == "original" else paired_change(original, losses, unit, images)


def paired_change(
    before: torch.Tensor, after: torch.Tensor, unit: str = "", images: torch.Tensor | None = None
) -> tuple[float, float] | None:
    """95 % interval of ``mean(after) / mean(before) - 1``, image by image (the delta method for a ratio of means).

    Nats whose mean is nearer to zero than they spread change by a difference, not by a ratio (see the reports): there
    it is the interval of the mean difference, over the mean before.

    Args:
        before, after: ``(n,)``, of the same images in the same order.
        unit: of both.
        images: of each the place of its image, where several are of one.

    Returns:
        The interval; None of fewer than two images, or around a mean of zero.

    >>> before = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> [round(x, 6) for x in paired_change(before, 1.1 * before)]  # every image by the same factor: no doubt
    [0.1, 0.1]
    """
    n, base = len(before), before.mean().item()
    if n < 2 or base == 0 or (images is not None and len(images.unique()) < 2):
        return None
    near_zero = "nats" in unit and abs(base) < before.std().item()
    ratio = 1.0 if near_zero else after.mean().item() / base
    rest = after - ratio * before
    half = mean_half_width(rest, images) / abs(base)
    change = (after.mean().item() - base) / abs(base)
    return change - half, change + half
