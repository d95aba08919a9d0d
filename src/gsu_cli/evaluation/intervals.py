"""Intervals of means and shares."""

from __future__ import annotations

import math

from torch import Tensor

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
SMALL = 30  # values; of fewer the normal quantile covers too little: 70 % at two, 88 % at five


def quantile95(n: int) -> float:
    """How many standard errors a two-sided 95 % interval of a mean of ``n >= 2`` values reaches to either side.

    Student's quantile below `SMALL`, where it is another number by 4 % and more; the normal one from there on.

    >>> [round(quantile95(n), 3) for n in (2, 5, 29, 30)]
    [12.706, 2.776, 2.048, 1.96]
    """
    return Z95 if n >= SMALL else student95(n - 1)


def student95(freedom: float) -> float:
    """Two-sided 95 % quantile of Student's distribution, for any number of degrees of freedom above 0.

    >>> round(student95(2), 3)
    4.303
    """
    from scipy.special import stdtrit  # here: it takes a tenth of a second, and few runs have so few values

    return float(stdtrit(freedom, 0.975))


def welch(variance: float, n: int, other: float, m: int) -> float:
    """Half the 95 % interval of a difference of two means, of ``n`` values with a variance and of ``m`` with another.

    With Welch's quantile where one of the two has fewer than `SMALL` values (Welch 1947, Biometrika 34).

    >>> round(welch(1.0, 2, 1.0, 2), 3), round(welch(1.0, 50, 1.0, 50), 3)
    (4.303, 0.392)
    """
    a, b = variance / n, other / m
    error = math.sqrt(a + b)
    if min(n, m) >= SMALL or not error:
        return Z95 * error
    return student95((a + b) ** 2 / (a * a / (n - 1) + b * b / (m - 1))) * error


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


def counts95(n: int, rate: float) -> tuple[float, float]:
    """Shares of ``n`` trials between which 95 % of binomial counts lie, at most 2.5 % below and above.

    >>> [round(100 * x) for x in counts95(100, 0.01)]
    [0, 3]
    """
    import torch  # here: the rest of this file needs none

    k, whole = torch.arange(n + 1, dtype=torch.float64), torch.tensor(n, dtype=torch.float64)
    ways = torch.lgamma(whole + 1) - torch.lgamma(k + 1) - torch.lgamma(whole - k + 1)
    up_to = (ways + k * math.log(rate) + (n - k) * math.log1p(-rate)).exp().cumsum(0)
    ends = torch.searchsorted(up_to, torch.tensor([0.025, 0.975], dtype=torch.float64)).clamp(max=n).tolist()
    return ends[0] / n, ends[1] / n


def mean_half_width_by_image(values: Tensor, images: Tensor) -> float:
    """Half the 95 % interval of a mean where several values are of one image; arguments as of `error_by_image`."""
    return quantile95(len(images.unique())) * error_by_image((values, images))


def error_by_image(*samples: tuple[Tensor, Tensor]) -> float:
    """The standard error of a mean, or of a sum of means, where several values are of one image.

    Args:
        samples: of each mean its values, ``(n,)`` float64, and of each value the place of its image, ``(n,)`` int64, of
            two images or more in all; places without a value count for nothing.

    Source: Liang and Zeger 1986, the variance that holds whatever values of one cluster have in common.
    """
    import torch  # here: the rest of this file needs none

    images = torch.cat([of for _, of in samples])
    n, parts = len(images.unique()), torch.zeros(int(images.max()) + 1, dtype=torch.float64)
    for values, of in samples:
        parts.index_add_(0, of, (values - values.mean()) / len(values))
    return float((parts.square().sum() * n / (n - 1)).sqrt())


def mean_half_width(values: Tensor, images: Tensor | None = None) -> float:
    """Half the width of the 95 % interval of the mean of at least two values, Student's; see `normal`."""
    n = len(values)
    return quantile95(n) * values.std().item() / n**0.5 if images is None else mean_half_width_by_image(values, images)


def normal(
    values: Tensor, least: float = -math.inf, most: float = math.inf, images: Tensor | None = None
) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of the mean of ``values``, ``(n,)`` float64, within the bounds; no ends of fewer than two.

    Nor of values that all stand at one of the bounds: they do not tell how far the next may lie from it.

    ``images``: of each value the place of its image, ``(n,)``, where several are of one.

    >>> import torch
    >>> [round(x, 2) for x in normal(torch.tensor([1.0, 2.0, 3.0, 4.0]).double(), most=3.0)]
    [0.45, 3.0]
    """
    n = len(values)
    if n < 2 or (images is not None and len(images.unique()) < 2):
        return None, None
    if float(values[0]) in (least, most) and bool((values == values[0]).all()):
        return None, None
    mean = values.mean().item()
    half = mean_half_width(values, images)
    return max(least, mean - half), min(most, mean + half)
