"""Intervals of an area under a ROC curve, from the placements that it is the mean of."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gsu_cli.evaluation.intervals import SMALL, Z95, error_by_image, quantile95, welch

FEW = 5  # values on the other side: fewer, and an area is too near its end for a normal interval
FEWEST = 3  # the same of images, and of a difference of two areas: fewer, and the spread of placements says too little


def half_width(a: Tensor, b: Tensor) -> float:
    """Half the 95 % interval of a mean placement, from the placements of both sides, each of two values or more.

    Source: DeLong, DeLong and Clarke-Pearson 1988; with Welch's quantile where one of the sides is small.
    """
    return welch(float(a.var()), len(a), float(b.var()), len(b))


def half_width_by_image(a: Tensor, b: Tensor, images: tuple[Tensor, Tensor]) -> float:
    """The same where several values are of one image, as of models of a design: what varies are the images.

    Args:
        a, b: ``(n,)`` and ``(m,)``, both with the mean placement as their mean.
        images: of each of them the place of its image among two or more.

    Source: Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data".
    """
    return quantile95(len(torch.cat(images).unique())) * standard_error(a, b, images)


def standard_error(a: Tensor, b: Tensor, images: tuple[Tensor, Tensor] | None = None) -> float:
    """Of a mean placement; arguments as of `half_width`, or of `half_width_by_image`."""
    if images is None:
        return math.sqrt(float(a.var()) / len(a) + float(b.var()) / len(b))
    return error_by_image(*zip((a, b), images, strict=True))


def area_interval(
    value: float, a: Tensor, b: Tensor, images: tuple[Tensor, Tensor] | None = None
) -> tuple[float, float]:
    """95 % interval of a mean placement, an area under a ROC curve, within [0, 1].

    Arguments as of `half_width`, or of `half_width_by_image`.

    Where one of the sides is small, or the area so near an end that hardly a pair is on the other side of it, DeLong's
    is too narrow (of none width 0, and of two images at 0.96 it covers 43 %). There it is joined with Newcombe's. Where
    several values are of one image, that counts them by their effective size, between the images and the values: of
    the images alone it is up to three times as wide as it must be.

    >>> [round(x, 2) for x in area_interval(1.0, torch.ones(5).double(), torch.ones(50).double())]
    [0.79, 1.0]
    """
    half = half_width(a, b) if images is None else half_width_by_image(a, b, images)
    n, m = (len(x.unique()) for x in images) if images is not None else (len(a), len(b))
    least = min(n, m)
    low, high = max(0.0, value - half), min(1.0, value + half)
    if least >= SMALL and least * min(value, 1 - value) >= FEW:
        return low, high
    if images is not None and least * min(value, 1 - value) >= FEWEST:
        effective = _effective_size(value, standard_error(a, b, images))
        n, m = (int(min(max(effective, of_images), len(x))) for of_images, x in ((n, a), (m, b)))
    ends = _newcombe(value, n, m)
    return min(low, ends[0]), max(high, ends[1])


def _effective_size(value: float, error: float) -> float:
    """How many independent values on each side have this standard error; of an error of 0 a great many."""
    low, high = 1.0, 1e6
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _error(value, middle, middle) > error else (low, middle)
    return low


def _error(area: float, n: float, m: float) -> float:
    """The standard error of an area of ``n`` and ``m`` values."""
    pairs = 1 + ((n + m) / 2 - 1) * ((1 - area) / (2 - area) + area / (1 + area))
    return math.sqrt(area * (1 - area) * pairs / (n * m))


def _newcombe(value: float, n: int, m: int) -> tuple[float, float]:
    """Areas that are as far from ``value`` as 1.96 of their own standard errors (Newcombe 2006, method 5)."""

    def near(area: float) -> bool:
        return abs(value - area) <= Z95 * _error(area, n, m)

    def end(far: float) -> float:
        inside = value
        for _ in range(50):
            middle = (inside + far) / 2
            inside, far = (middle, far) if near(middle) else (inside, middle)
        return inside

    return end(0.0), end(1.0)
