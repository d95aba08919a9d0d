"""Noise schedules of diffusion: how much of an image is left after ``t`` steps of noise.

    x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps,   a_t = prod_{s <= t} (1 - beta_s),   t = 0 .. T - 1

Sources: Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020 (linear); Nichol and Dhariwal,
"Improved Denoising Diffusion Probabilistic Models", ICML 2021, equation 17 (cosine, betas at most 0.999).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gsu_cli.checks import as_choice, as_int

SCHEDULES = ("cosine", "linear")
LARGEST_BETA = 0.999
OFFSET = 0.008  # of the cosine: keeps the first steps from being nothing


def alpha_bars(kind: str, steps: int) -> Tensor:
    """``a_t`` for ``t = 0 .. steps - 1``, float64, falling from almost 1 to almost 0.

    Args:
        kind: "cosine" or "linear" (betas from ``1e-4`` to ``0.02`` at 1,000 steps, scaled for other counts so that the
            same noise is reached).
        steps: ``T``.

    Raises:
        UsageError: another kind, or fewer than 2 steps.

    >>> a = alpha_bars("cosine", 1000)
    >>> bool((a[1:] < a[:-1]).all()), round(float(a[0]), 5), round(float(a[499]), 3)
    (True, 0.99996, 0.494)
    """
    as_choice("model.schedule", kind, SCHEDULES)
    as_int("model.train_steps", steps, 2)
    if kind == "linear":
        scale = 1000 / steps
        beta = torch.linspace(1e-4 * scale, 0.02 * scale, steps, dtype=torch.float64)
    else:
        share = torch.arange(steps + 1, dtype=torch.float64) / steps
        a = torch.cos((share + OFFSET) / (1 + OFFSET) * math.pi / 2).square()
        beta = 1 - a[1:] / a[:-1]
    return torch.cumprod(1 - beta.clamp(max=LARGEST_BETA), 0)


def spread_places(n: int, generator: torch.Generator) -> Tensor:
    """``n`` places in [0, 1), ``(n,)`` float64: one in each of ``n`` equal parts, in random order."""
    return (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator, dtype=torch.float64)) / n


def stratified(n: int, steps: int, generator: torch.Generator, start: int = 0) -> Tensor:
    """``n`` times in ``start .. steps - 1``, ``(n,)`` int64: one of each of ``n`` equal parts, in random order.

    Each time alone is uniform, so the mean loss is unbiased; together they cover all noise levels, so that it varies
    little. One call samples all the times of a batch.
    """
    return start + (spread_places(n, generator) * (steps - start)).long().clamp_(max=steps - start - 1)


def sampling_times(steps: int, count: int) -> Tensor:
    """``count`` times from ``steps - 1`` down to 0, evenly spaced, both ends included, ``(count,)`` int64.

    >>> sampling_times(1000, 5).tolist()
    [999, 749, 500, 250, 0]
    """
    return torch.linspace(steps - 1, 0, count, dtype=torch.float64).round().long()


def retold(bars: Tensor, others: Tensor, t: Tensor) -> Tensor:
    """The times at which ``others`` leave most nearly as much of an image as ``bars`` at ``t``, by the log odds.

    Args:
        bars: ``a_t`` of each time, ``(T,)``, falling.
        others: those of another schedule, ``(S,)``, falling.
        t: times ``(n,)`` int64 of the first.

    Returns:
        ``(n,)`` int64 in ``0 .. S - 1``.

    >>> retold(torch.tensor([0.9, 0.5, 0.1]), torch.tensor([0.9, 0.7, 0.5, 0.3, 0.1]), torch.arange(3)).tolist()
    [0, 2, 4]
    """
    noise, wanted = (-torch.logit(a.double(), eps=1e-12) for a in (others, bars[t]))
    above = torch.searchsorted(noise, wanted).clamp(max=len(others) - 1)
    below = (above - 1).clamp(min=0)
    return torch.where((noise[below] - wanted).abs() < (noise[above] - wanted).abs(), below, above)
