"""How well a score tells members from others: area under the ROC curve, and true positives at few false ones.

A score is high for what is taken to be a member. Sources: DeLong, DeLong and Clarke-Pearson 1988 (variance of an AUC
and of the difference of two on the same images); Carlini et al., arXiv 2112.03570 (why the low-FPR end is reported).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gsu_cli.evaluation.intervals import wilson
from gsu_cli.evaluation.placements import half_width, placements

LEAST = 2  # of members and of others, for an interval


@dataclass(frozen=True)
class Auc:
    """An area under the ROC curve.

    Attributes:
        value: P(score of a member > score of another), ties by half.
        members: for each member, the share of others that it beats, ``(n,)`` float64.
        others: for each other, the share of members that beat it, ``(m,)`` float64.
    """

    value: float
    members: Tensor
    others: Tensor

    @classmethod
    def of(cls, members: Tensor, others: Tensor) -> Auc:
        """Of the scores of members ``(n,)`` and of others ``(m,)``.

        >>> import torch
        >>> Auc.of(torch.tensor([2.0, 3.0]), torch.tensor([1.0, 2.0])).value
        0.875
        """
        members, others = members.double(), others.double()
        return cls(
            float(placements(members, others).mean()), placements(members, others), 1 - placements(others, members)
        )

    def interval(self) -> tuple[float, float] | None:
        """95 %, within [0, 1]; None of fewer than two members or others."""
        return _interval(self.value, self.members, self.others, 0.0)

    def minus(self, other: Auc) -> tuple[float, float, float] | None:
        """Difference to an AUC of the same images in the same order, with its 95 % interval; None of too few."""
        value = self.value - other.value
        found = _interval(value, self.members - other.members, self.others - other.others, -1.0)
        return None if found is None else (value, *found)


def _interval(value: float, members: Tensor, others: Tensor, least: float) -> tuple[float, float] | None:
    if min(len(members), len(others)) < LEAST:
        return None
    half = half_width(members, others)
    return max(least, value - half), min(1.0, value + half)


def true_positives(members: Tensor, others: Tensor, rate: float = 0.01) -> tuple[float, float, float] | None:
    """Share of members above the score that at most ``rate`` of the others exceed, with Wilson's interval.

    Returns:
        ``(share, low, high)``; None where the others are too few to know that rate: at least ``1 / rate``.

    >>> import torch
    >>> others = torch.arange(200.0)
    >>> true_positives(torch.tensor([198.5, 500.0]), others)[0]  # the two largest others lie above 197
    1.0
    """
    if len(others) * rate < 1 or not len(members):
        return None
    threshold = others.double().sort(descending=True).values[int(len(others) * rate)]
    hits = int((members.double() > threshold).sum())
    return hits / len(members), *wilson(hits, len(members))
