"""Rank correlations of images over models, and how far chance among so few models may have moved their mean."""

from __future__ import annotations

import torch
from torch import Tensor


def jackknifed(predicted: Tensor, realised: Tensor) -> tuple[float, float]:
    """The score of ``(models, images)``, mean over images, and its standard error over models.

    Models that tie share their rank; an image of which all models say one number has no score, and NaN is what is left
    where no image has one.

    >>> L = torch.tensor([[0.0, 5.0], [1.0, 4.0], [2.0, 3.0], [3.0, 2.0]]).double()
    >>> [round(x, 9) for x in (*jackknifed(L, L), *jackknifed(L, -L))]
    [1.0, 0.0, -1.0, 0.0]
    """
    m = len(predicted)
    every = torch.arange(m)
    without = torch.tensor([_mean(predicted[every != k], realised[every != k]) for k in range(m)])
    return _mean(predicted, realised), float((without.var(correction=0) * (m - 1)).sqrt())


def _mean(predicted: Tensor, realised: Tensor) -> float:
    x, y = (ranks - ranks.mean(0) for ranks in (_ranks(predicted), _ranks(realised)))
    return float(((x * y).sum(0) / (x.norm(dim=0) * y.norm(dim=0))).clamp(-1, 1).nanmean())


def _ranks(values: Tensor) -> Tensor:
    """Of each column; those that tie share the mean of theirs."""
    columns = values.T.contiguous()
    ordered = columns.sort(dim=1).values
    first, last = (torch.searchsorted(ordered, columns, right=right) for right in (False, True))
    return (first + last - 1).T.double() / 2
