"""The interval of a ratio of two means of the same images."""

from __future__ import annotations

import math

from torch import Tensor

from gsu_cli.evaluation.intervals import quantile95


def ratio_interval(above: Tensor, below: Tensor) -> tuple[float, float] | None:
    """95 % interval of ``mean(above) / mean(below)``; None where the mean below is not told from 0, or of one image.

    Fieller's: all ratios ``r`` for which the mean of ``above - r * below`` may be 0. The delta method takes what stands
    below as known: where that is twice its own error, what it called an interval of 95 % held 80 to 87 %. Source:
    Fieller 1954, "Some problems in interval estimation", JRSS B 16.

    Args:
        above, below: ``(n,)`` float64, of the same images in the same order.

    >>> import torch
    >>> ratio_interval(torch.tensor([8.0, 10.0, 12.0]).double(), torch.tensor([4.0, 5.0, 6.0]).double())
    (2.0, 2.0)
    >>> ratio_interval(torch.tensor([1.0, 2.0]).double(), torch.tensor([-1.0, 1.0]).double()) is None
    True
    """
    n = len(above)
    if n < 2:
        return None
    u, w, t2 = float(above.mean()), float(below.mean()), quantile95(n) ** 2 / n
    dw, own = below - w, float(below.var())
    a = w * w - t2 * own
    if a <= 0:
        return None
    together = float(((above - u) * dw).sum()) / (n - 1)
    rest = above - u - (together / own if own else 0.0) * dw  # of all of it as squares, rounding would leave 1e-8
    half = math.sqrt(max(0.0, t2 * (float((w * above - u * below).var()) - t2 * own * float(rest.var()))))
    middle = u * w - t2 * together
    return (middle - half) / a, (middle + half) / a
