"""Do two scores order images alike? Spearman's rank correlation with its interval."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gsu_cli.audit.jackknife import LEAST, Score
from gsu_cli.evaluation.intervals import Z95, student95


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


def interval(r: float, n: int, score: Score | None = None) -> tuple[float, float] | tuple[None, None]:
    """95 %, by Fisher's transformation with the variance of Bonett and Wright 2000; none of fewer than four pairs.

    That variance is of normal pairs. Where most pairs agree and a few do not, or errors grow with a score, it held 50
    to 90 %, so the jackknife's counts where it is larger. Of equal orders Fisher's is 1 to 1 for any number of pairs,
    so they count as half a step of ranks below it. What no pair shows is in no interval: where one pair in twenty is
    out of order, that of twelve pairs holds the truth in two fifths.

    Args:
        r: of ``n`` pairs.
        n: pairs.
        score: the same, jackknifed. The interval around what it would be without bias is joined: near 1 the bias is as
            large as the error, and that around ``r`` alone held 70 to 90 %.

    >>> low, high = interval(0.5, 103)
    >>> round(low, 3), round(high, 3)
    (0.329, 0.639)
    """
    if n < LEAST:
        return None, None
    edge = 1 - 6 / (n**3 - n)
    least = 0.0 if score is None or abs(r) == 1 else student95(n - 1) * score.error / (1 - r * r)
    low = high = r
    for x in (r, r if score is None else score.unbiased):
        z, half = math.atanh(max(-edge, min(edge, x))), max(least, Z95 * math.sqrt((1 + x * x / 2) / (n - 3)))
        low, high = min(low, math.tanh(z - half)), max(high, math.tanh(z + half))
    return low, high
