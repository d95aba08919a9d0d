"""Intervals of means and shares."""

from __future__ import annotations

import math

from torch import Tensor

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for a share of ``n >= 1`` (Wilson 1927, JASA 22).

    >>> low, high = wilson(0, 10_000)
    >>> low, round(high, 6)
    (0.0, 0.000384)
    """
    p, z2 = successes / n, Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
    return max(0.0, centre - half) if successes else 0.0, min(1.0, centre + half) if successes < n else 1.0


def normal(values: Tensor, least: float = -math.inf, most: float = math.inf) -> tuple[float, float] | tuple[None, None]:
    """Normal 95 % interval of the mean of ``values``, ``(n,)`` float64, within the bounds; no ends of fewer than two.

    >>> import torch
    >>> [round(x, 2) for x in normal(torch.tensor([1.0, 2.0, 3.0, 4.0]).double(), most=3.0)]
    [1.23, 3.0]
    """
    n = len(values)
    if n < 2:
        return None, None
    mean, half = values.mean().item(), Z95 * values.std().item() / n**0.5
    return max(least, mean - half), min(most, mean + half)
