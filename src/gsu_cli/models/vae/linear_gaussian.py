"""Linear-Gaussian models in closed form, by the moments of the images alone; float64 throughout.

    p(x) = N(mu, C),  C = W W^T + s^2 I,    L(W, mu) = 1/2 [ tr C^-1 (S + (m - mu)(m - mu)^T) + log |C| - d log s^2 ]

``L`` is the mean NLL of images with mean ``m`` and covariance ``S``, less the constant ``d/2 log(2 pi s^2)`` that an
exact reproduction has. Its minimiser is ``mu = m``, ``W = U_q (Lambda_q - s^2)^1/2``, of the largest eigenpairs of
``S``. Source: Tipping and Bishop, "Probabilistic principal component analysis", JRSS B 1999, with ``s`` held fixed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.surgery.vectors import Vector, VectorLike

W, MU = "W", "mu"


@dataclass(frozen=True)
class Moments:
    """Number, mean ``(d,)`` and covariance ``(d, d)`` of images, float64; the covariance divides by ``n``."""

    n: int
    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, batches: Iterable[Tensor]) -> Moments:
        """Of images ``(n, ...)`` in batches.

        >>> found = Moments.of([torch.tensor([[0.0], [2.0]])])
        >>> found.n, found.mean.item(), found.covariance.item()
        (2, 1.0, 1.0)
        """
        n, first, second = 0, torch.zeros(()), torch.zeros(())
        for batch in batches:
            x = batch.flatten(1).double().cpu()
            n, first, second = n + len(x), first + x.sum(0), second + x.T @ x
        mean = first / n
        return cls(n, mean, second / n - torch.outer(mean, mean))

    def without(self, others: Moments) -> Moments:
        """Of the images that are not among ``others``, which are some of them."""
        n = self.n - others.n
        mean = (self.n * self.mean - others.n * others.mean) / n
        second = self.n * self.second() - others.n * others.second()
        return Moments(n, mean, second / n - torch.outer(mean, mean))

    def second(self) -> Tensor:
        """``E[x x^T]``, ``(d, d)``."""
        return self.covariance + torch.outer(self.mean, self.mean)


def fitted(moments: Moments, q: int, sigma: float) -> Vector:
    """The weights of least loss: ``W`` ``(d, q)`` with orthogonal columns, the strongest first, and ``mu`` ``(d,)``."""
    e, U = torch.linalg.eigh(moments.covariance)
    order = torch.arange(len(e) - 1, len(e) - 1 - q, -1)
    columns = U[:, order]
    peaks = columns.abs().argmax(0)
    columns = columns * columns[peaks, torch.arange(q)].sign()  # of two equal minima always the same one
    return {W: columns * (e[order] - sigma**2).clamp(min=0).sqrt(), MU: moments.mean.clone()}


def mean_nll(theta: VectorLike, moments: Moments, sigma: float) -> Tensor:
    """``L``, a scalar in nats/image; differentiable in ``theta``."""
    weight, r = theta[W], moments.mean - theta[MU]
    M = weight.T @ weight + sigma**2 * torch.eye(weight.shape[1], dtype=weight.dtype)
    explained = weight.T @ moments.covariance @ weight + torch.outer(weight.T @ r, weight.T @ r)
    squares = moments.covariance.diagonal().sum() + r @ r - torch.linalg.solve(M, explained).diagonal().sum()
    found: Tensor = 0.5 * (squares / sigma**2 + torch.linalg.slogdet(M)[1] - weight.shape[1] * math.log(sigma**2))
    return found


def as_moments(theta: VectorLike, sigma: float) -> Moments:
    """Mean and covariance of what a model generates, noise of the pixels included; of no number of images."""
    return Moments(0, theta[MU], theta[W] @ theta[W].T + sigma**2 * torch.eye(len(theta[MU]), dtype=theta[W].dtype))


def divergence(p: VectorLike, q: VectorLike, sigma: float) -> float:
    """``KL(p || q)`` of two models, nats/image: what coding images of ``p`` by ``q`` costs beyond ``p``."""
    own = as_moments(p, sigma)
    return float(mean_nll(q, own, sigma) - mean_nll(p, own, sigma))


def least_curvature(moments: Moments, q: int, sigma: float) -> float:
    """The smallest eigenvalue of the Hessian of ``L`` at its minimiser, rotations of the latents left out.

    By second derivatives along the eigenvectors of ``S`` (``l``, largest first; ``v = l - s^2`` of the first ``q``): of
    ``mu``, 1 / l_i; of a column towards one left out, (l_i - l_j) / (s^2 l_i); of its length, 2 v_i / l_i^2; of two
    columns within their span, (v_i + v_k) / (l_i l_k).
    """
    e, s2 = torch.linalg.eigvalsh(moments.covariance).flip(0), sigma**2
    kept, left = e[:q], e[q:]
    v = kept - s2
    found = [1 / kept.max(), (2 * v / kept**2).min()]
    found += [(v[i] + v[k]) / (kept[i] * kept[k]) for i, k in itertools.combinations(range(q), 2)]
    found += [(kept.min() - left.max()) / (s2 * kept.min())] if len(left) else []
    return float(min(found))


def without_rotation(theta: VectorLike, v: VectorLike) -> Vector:
    """``v`` less what only rotates the latents, ``W A`` with ``A`` antisymmetric, which changes nothing."""
    G = theta[W].T @ theta[W]
    e, U = torch.linalg.eigh(G)
    B = U.T @ (theta[W].T @ v[W] - v[W].T @ theta[W]) @ U
    A = U @ (B / (e[:, None] + e).clamp(min=1e-300)) @ U.T  # G A + A G = W^T v - v^T W
    return {W: v[W] - theta[W] @ A, MU: v[MU]}
