"""A step of Adam (Kingma and Ba 2015), in place: `torch.optim` takes over a second of CPU to be loaded."""

from __future__ import annotations

import math

import torch
from torch import Tensor


@torch.no_grad()
def adam_(
    weights: list[Tensor],
    slopes: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    rate: float,
    step: int,
    betas: tuple[float, float],
) -> None:
    """Moves ``weights``.

    Args:
        weights: to be moved.
        slopes: the gradient; overwritten.
        means, squares: moving averages of it and of its square, zero before the first step.
        rate: of this step.
        step: its number, from 1 on.
        betas: what stays of each average.
    """
    first, second = betas
    for w, g, m, v in zip(weights, slopes, means, squares, strict=True):
        unbiased = math.sqrt(1 - second**step)
        m.lerp_(g, 1 - first)
        v.mul_(second).addcmul_(g, g, value=1 - second)
        w.addcdiv_(m, torch.sqrt(v, out=g).add_(1e-8 * unbiased), value=-rate * unbiased / (1 - first**step))
