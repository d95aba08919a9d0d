"""Rank correlations of images over models, and how far chance among so few models may have moved their mean."""

from __future__ import annotations

import torch
from torch import Tensor


def jackknifed(predicted: Tensor, realised: Tensor) -> tuple[float, float]:
    """The score of ``(models, images)``, mean over images, and its standard error over models.

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
    return float(((x * y).sum(0) / (x.norm(dim=0) * y.norm(dim=0))).clamp(-1, 1).mean())


def _ranks(values: Tensor) -> Tensor:
    """Of each column; ties in the order of the models."""
    order: Tensor = torch.sort(values, dim=0, stable=True).indices
    return torch.sort(order, dim=0).indices.double()
