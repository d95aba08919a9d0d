"""The Frechet distance between two Gaussians: shared by every metric that compares features.

Source: Dowson and Landau 1982, "The Frechet distance between multivariate normal distributions".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ENOUGH = 10  # real images a feature: 640 of 64 add a tenth to a distance of 25 between digits, 3,600 add a fiftieth


@dataclass(frozen=True)
class Gaussian:
    """Mean ``(d,)`` and covariance ``(d, d)`` of features, float64, from ``n`` images."""

    mean: Tensor
    cov: Tensor
    n: int

    @classmethod
    def of(cls, features: Tensor, weights: Tensor | None = None) -> Gaussian:
        """Fits features ``(n, d)``; ``weights`` are counts ``(n,)`` of a bootstrap resample.

        Raises:
            ValueError: fewer than two images.
        """
        x = features.double()
        w = torch.ones(len(x), dtype=torch.float64) if weights is None else weights.double()
        n = w.sum()
        if n < 2:
            raise ValueError("a covariance needs at least two images")
        mean = (w @ x) / n
        centred = x - mean
        return cls(mean, (w[:, None] * centred).T @ centred / (n - 1), int(n))


def of_few(features: Tensor) -> str:
    """What a reader must know where there are no more images than features, ``(n, d)``; else empty.

    >>> of_few(torch.zeros(4, 16)), of_few(torch.zeros(17, 16))
    ('of 4 images in 16 features, so far too high: compare it with one of as many images alone', '')
    """
    n, d = features.shape
    return (
        ""
        if n > d
        else f"of {n:,} images in {d:,} features, so far too high: compare it with one of as many images alone"
    )


def against_few(reference: Gaussian, features: Tensor) -> str:
    """What a reader must know of the distance of ``features`` to few real images; empty where `of_few` says as much.

    >>> unit, samples = torch.eye(4, dtype=torch.float64), torch.zeros(9, 4)
    >>> against_few(Gaussian(unit[0], unit, 4), samples)
    'against 4 real images in 4 features, so far too high: compare it with one against the same images alone'
    >>> against_few(Gaussian(unit[0], unit, 40), samples), against_few(Gaussian(unit[0], unit, 4), samples[:3])
    ('', '')
    """
    n, d = reference.n, len(reference.mean)
    if n >= ENOUGH * d or len(features) <= min(n, d):
        return ""
    high = f"in {d:,} features, so far too high" if n <= d else f"for {d:,} features, so few that it is too high"
    return f"against {n:,} real images {high}: compare it with one against the same images alone"


def frechet(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2), by symmetric eigenvalues alone.

    Fewer images than features are no trouble to the formula (the covariance is singular, its root exists), but the
    estimate is then far too high: compare figures of equal ``n`` only.

    >>> unit = torch.eye(2, dtype=torch.float64)
    >>> frechet(Gaussian(torch.zeros(2).double(), unit, 9), Gaussian(torch.tensor([3.0, 4.0]).double(), unit, 9))
    25.0
    """
    values, vectors = torch.linalg.eigh(a.cov)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ b.cov @ root).clamp(min=0).sqrt().sum()
    distance = float((a.mean - b.mean).square().sum() + a.cov.trace() + b.cov.trace() - 2 * cross)
    return max(0.0, distance)  # of equal Gaussians rounding leaves something like -1e-13
