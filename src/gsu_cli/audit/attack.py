"""How well a score tells members from others: area under the ROC curve, and true positives at few false ones.

A score is high for what is taken to be a member. Sources: DeLong, DeLong and Clarke-Pearson 1988 (variance of an AUC
and of the difference of two on the same images); Carlini et al., arXiv 2112.03570 (why the low-FPR end is reported).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from gsu_cli.evaluation.areas import FEWEST, area_interval, half_width, half_width_by_image, standard_error
from gsu_cli.evaluation.intervals import counts95, wilson
from gsu_cli.evaluation.placements import placements

LEAST = 2  # of members and of others, for an interval


@dataclass(frozen=True)
class Auc:
    """An area under the ROC curve.

    Attributes:
        value: P(score of a member > score of another), ties by half.
        members: for each member, the share of others that it beats, ``(n,)`` float64.
        others: for each other, the share of members that beat it, ``(m,)`` float64.
        images: where several scores are of one image, the place of each one's image, of members and of others.
    """

    value: float
    members: Tensor
    others: Tensor
    images: tuple[Tensor, Tensor] | None = None

    @classmethod
    def of(cls, members: Tensor, others: Tensor, images: tuple[Tensor, Tensor] | None = None) -> Auc:
        """Of the scores of members ``(n,)`` and of others ``(m,)``.

        >>> import torch
        >>> Auc.of(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0])).value
        0.875
        """
        members, others = members.double(), others.double()
        own = placements(members, others)
        return cls(float(own.mean()), own, 1 - placements(others, members), images)

    def interval(self) -> tuple[float, float] | None:
        """95 %, within [0, 1]; None of fewer than two members or others."""
        return None if self._few() else area_interval(self.value, self.members, self.others, self.images)

    def minus(self, other: Auc) -> tuple[float, float, float] | None:
        """Difference to an AUC of the same images in the same order, with its 95 % interval; None of too few.

        Where hardly a pair is on the other side of one of the areas, that of the placements (DeLong's) is too short
        towards that end: at 0.95 and 0.90 of five images it holds 82 %. There it is joined with `combined`.
        """
        value = self.value - other.value
        if self._few():
            return None
        both = self.members - other.members, self.others - other.others
        down = up = half_width(*both) if self.images is None else half_width_by_image(*both, self.images)
        if any(min(self._sizes()) * min(auc.value, 1 - auc.value) < FEWEST for auc in (self, other)):
            lower, upper = combined(self, other, both)
            down, up = max(down, lower), max(up, upper)
        return value, max(-1.0, value - down), min(1.0, value + up)

    def _sizes(self) -> list[int]:
        """Members and others; their images, where several scores are of one."""
        return [len(x.unique()) for x in self.images] if self.images else [len(self.members), len(self.others)]

    def _few(self) -> bool:
        return min(self._sizes()) < LEAST


def combined(one: Auc, other: Auc, both: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """How far the difference of two areas may be below and above its value, from the intervals of each.

    Args:
        one, other: of the same images.
        both: differences of their placements, of members and of others.

    The ends of each are joined by how much the two estimates vary together. Source: Zou 2007, Psychological Methods 12,
    "Toward using confidence intervals to compare correlations".
    """
    (a, b), (c, d) = (area_interval(auc.value, auc.members, auc.others, auc.images) for auc in (one, other))
    x, y, apart = (
        standard_error(*parts, one.images) for parts in ((one.members, one.others), (other.members, other.others), both)
    )
    r = min(1.0, max(0.0, (x * x + y * y - apart * apart) / (2 * x * y))) if x * y else 0.0

    def joined(p: float, q: float) -> float:
        return math.sqrt(max(0.0, p * p + q * q - 2 * r * p * q))

    return joined(one.value - a, d - other.value), joined(b - one.value, other.value - c)


def true_positives(
    members: Tensor, others: Tensor, rate: float = 0.01, *, images: int | None = None
) -> tuple[float, float, float] | None:
    """Share of members above the score that at most ``rate`` of the others exceed, with its 95 % interval.

    The interval joins Wilson's, over the members, with that of the score, which is known by few of the others alone:
    of 100 there may be none above the true one, or three. Of fewer than 367 the lower end is 0.

    Args:
        members: scores ``(n,)``.
        others: scores ``(m,)``.
        rate: of false positives.
        images: of how many images the others' scores are, where several are of one.

    Returns:
        ``(share, low, high)``; None where the others are too few to know that rate: at least ``1 / rate``.

    >>> import torch
    >>> others = torch.arange(200.0)
    >>> true_positives(torch.tensor([198.5, 500.0]), others)[0]  # the two largest others lie above 197
    1.0
    """
    if len(others) * rate < 1 or not len(members):
        return None
    ordered, n, m = others.double().sort(descending=True).values, len(members), len(others)

    def above(rank: int) -> float:
        return float((members.double() > ordered[rank]).sum()) / n

    share = above(int(m * rate))
    low, high = wilson(round(share * n), n)
    fewest, most = counts95(m if images is None else images, rate)
    strict = math.floor(fewest * m)
    least = above(strict - 1) if strict else 0.0
    loosest = above(min(m - 1, math.ceil(most * m)))
    return (
        share,
        max(0.0, share - math.hypot(share - low, share - least)),
        min(1.0, share + math.hypot(high - share, loosest - share)),
    )
