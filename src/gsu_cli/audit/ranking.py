"""Do two scores order images alike? Spearman's rank correlation with its interval."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gsu_cli.evaluation.intervals import Z95

LEAST = 4
"""Pairs, for an interval."""


def ranks_of(values: Tensor) -> Tensor:
    """Ranks from 0 on, ``(n,)`` float64; ties share their mean rank.

    >>> ranks_of(torch.tensor([3.0, 1.0, 3.0])).tolist()
    [1.5, 0.0, 1.5]
    """
    ordered = values.sort().values
    below = torch.searchsorted(ordered, values.contiguous())
    up_to = torch.searchsorted(ordered, values.contiguous(), right=True)
    return (below + up_to - 1).double() / 2


def rank_correlation(a: Tensor, b: Tensor) -> float | None:
    """Spearman's, of scores ``(n,)``; None where one of them is constant.

    >>> round(rank_correlation(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 8.0, 27.0])), 6)
    1.0
    """
    x, y = (r - r.mean() for r in map(ranks_of, (a, b)))
    below = float(x.norm() * y.norm())
    return None if below == 0 else max(-1.0, min(1.0, float(x @ y) / below))


def interval(r: float, n: int) -> tuple[float, float] | tuple[None, None]:
    """95 %, by Fisher's transformation with the variance of Bonett and Wright 2000; none of fewer than four pairs.

    Of equal orders Fisher's is 1 to 1 for any number of pairs, so they count as half a step of ranks below it.

    >>> low, high = interval(0.5, 103)
    >>> round(low, 3), round(high, 3)
    (0.329, 0.639)
    """
    if n < LEAST:
        return None, None
    edge = 1 - 6 / (n**3 - n)
    z = math.atanh(max(-edge, min(edge, r)))
    half = Z95 * math.sqrt((1 + r * r / 2) / (n - 3))
    return min(r, math.tanh(z - half)), max(r, math.tanh(z + half))
