"""What probability a density of pixels gives to one of 256 grey levels: nats that every family can be compared in.

A density of images is no probability of the images on disk, whose pixels are integers: it has another unit, and can be
made as high as one likes at 256 points. Here grey level ``k`` owns the values nearest to ``k / 255`` in [0, 1], and its
probability is the mass of the density there. The masses of a pixel add up to 1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.models.likelihoods import Bernoulli, Gaussian

LEVELS = 255
HALF = 0.5 / LEVELS  # of the width of a grey level


def log_gaussian(x: Tensor, mean: Tensor, sigma: Tensor | float) -> Tensor:
    """Log of the mass that N(mean, sigma^2) gives to the grey levels ``x`` in [0, 1]; black and white own the tails.

    Source: Ho, Jain and Abbeel, NeurIPS 2020, equation 13.
    """
    low, high = (x - HALF - mean) / sigma, (x + HALF - mean) / sigma
    low = torch.where(x < HALF, -torch.inf, low)
    high = torch.where(x > 1 - HALF, torch.inf, high)
    above = low + high > 0  # where both ends lie above the mean, the lower tail of their mirror images is exact
    low, high = torch.where(above, -high, low), torch.where(above, -low, high)
    upper, lower = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
    found: Tensor = upper + torch.log(-torch.expm1(lower - upper))
    return found


def log_continuous_bernoulli(x: Tensor, logits: Tensor) -> Tensor:
    """Log of the mass that the density ``~ exp(logits * x)`` on [0, 1] gives to the grey levels ``x``.

    What a sigmoid and cross-entropy on grey values say, once it is made a density. Source: Loaiza-Ganem and Cunningham,
    "The continuous Bernoulli", NeurIPS 2019.
    """
    x, eta = torch.where(logits < 0, 1 - x, x), logits.abs().clamp(min=1e-6)
    low, high = (x - HALF).clamp(min=0), (x + HALF).clamp(max=1)
    return eta * low + _log_expm1(eta * (high - low)) - _log_expm1(eta)


def _log_expm1(z: Tensor) -> Tensor:
    """``log(e^z - 1)`` for ``z > 0``."""
    return z + torch.log(-torch.expm1(-z))


def log_mass(likelihood: Any, output: Tensor, x: Tensor) -> Tensor | None:
    """``log P(x | output)`` of whole images, ``(n,)`` float64; None of a likelihood that gives grey levels no mass.

    Args:
        likelihood: of a decoder.
        output: what it parametrises.
        x: ``(n, c, h, w)`` in [0, 1], multiples of 1 / 255.
    """
    o, x = output.double(), x.double()
    if isinstance(likelihood, Bernoulli):
        return log_continuous_bernoulli(x, o).flatten(1).sum(1)
    return log_gaussian(x, o, likelihood.sigma).flatten(1).sum(1) if isinstance(likelihood, Gaussian) else None
