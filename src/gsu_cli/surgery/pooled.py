"""The pooled covariance of two sets of points: what Fisher's linear discriminant divides their mean difference by."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-12


def pooled_covariance(a: Tensor, b: Tensor, ridge: float) -> Tensor:
    """Mean of ``(x - m)(x - m)^T`` over both, each about its own mean, plus ``ridge`` mean variances of the identity.

    Where neither set has any spread the ridge alone is left, and the discriminant is the mean difference.

    Args:
        a, b: ``(n, c)`` and ``(m, c)`` float64.
        ridge: share of the mean variance of a coordinate.
    """
    centred = torch.cat([a - a.mean(0), b - b.mean(0)])
    S = centred.T @ centred / len(centred)
    S += ridge * S.diagonal().mean().clamp(min=TINY) * torch.eye(len(S), dtype=S.dtype, device=S.device)
    return S
