"""Where values stand among others."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.evaluation.areas import area_interval
from gsu_cli.evaluation.intervals import wilson


def placements(of: Tensor, among: Tensor) -> Tensor:
    """For each value of ``of``, the share of ``among`` below it, ties by half; float64.

    >>> placements(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 1.0, 2.0, 3.0])).tolist()
    [0.25, 0.625]
    """
    ordered = among.sort().values
    below = torch.searchsorted(ordered, of.contiguous())
    up_to = torch.searchsorted(ordered, of.contiguous(), right=True)
    return (below + up_to).double() / (2 * len(among))


def mean_percentile(of: Tensor, among: Tensor) -> tuple[float, float, float]:
    """Mean percentile of ``of`` among ``among``, %, with its 95 % interval over both, as of an area under a ROC curve.

    Of a single value Wilson's, over those that it is ranked among; among a single one nothing is known.

    >>> mean_percentile(torch.arange(4.0) + 1.5, torch.arange(4.0))[0]
    81.25
    >>> mean_percentile(torch.tensor([5.0, 6.0]), torch.tensor([0.0]))
    (100.0, 0.0, 100.0)
    """
    ranks = placements(of, among)
    value, n = float(ranks.mean()), len(among)
    if len(of) == 1:
        low, high = wilson(round(value * n), n)
    elif n == 1:
        low, high = 0.0, 1.0
    else:
        low, high = area_interval(value, ranks, placements(among, of))
    return 100 * value, 100 * low, 100 * high
