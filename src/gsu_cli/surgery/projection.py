"""Gradient surgery: take out of a forget gradient what would move the retain loss.

Letters: ``g_f`` forget gradient, ``G_r = (g_1 ... g_k)`` retain gradients, ``P`` the geometry, ``d`` the direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.surgery.geometry import Euclidean, Geometry
from gsu_cli.surgery.vectors import Vector, VectorLike, combine, dot, zeros_like


@dataclass(frozen=True)
class Projection:
    """What is left of a forget gradient after surgery.

    Attributes:
        direction: ``d``, a direction in weight space (``P`` is already applied).
        coefficients: ``c``, ``(k,)`` float64, how much of each retain gradient was taken out.
        surviving: ``|g_f - G_r c|^2 / |g_f|^2`` in the ``P``-norm, in [0, 1]; 0 when ``g_f`` is 0.
        rank: how many independent retain gradients there were.
    """

    direction: Vector
    coefficients: Tensor
    surviving: float
    rank: int


def project_out(
    g_f: VectorLike, G_r: Sequence[VectorLike], geometry: Geometry | None = None, *, rel_tol: float | None = None
) -> Projection:
    """``d = P g_f - P G_r c`` with ``(G_r.P G_r) c = G_r.P g_f``; for one ``g_r``, ``c = g_f.P g_r / g_r.P g_r``.

    Of all directions that leave every retain loss unchanged to first order (``g_i.d = 0``), this is the one that
    changes the forget loss most for its length in the ``P^-1`` norm. The gradients are brought to unit ``P``-length
    before the small Gram matrix is solved, so their scale does not matter, and eigenvalues of that matrix below
    ``rel_tol`` times the largest count as zero, so repeated, dependent or zero retain gradients do no harm. Of such,
    ``c`` is the solution of least norm. When what survives cannot be told from rounding, ``d`` is exactly zero.

    Source: arXiv 2307.04550 for one mean gradient and ``P = I``; the general ``P`` and span are ours.

    Args:
        g_f: forget gradient.
        G_r: retain gradients; none gives ``d = P g_f``.
        geometry: ``P``; the Euclidean one when None.
        rel_tol: relative to the largest eigenvalue of the normalised Gram matrix; 10 k eps of the dtype when None.

    Returns:
        The direction, the coefficients and the surviving share.

    Example:
        >>> p = project_out({"w": torch.tensor([3.0, 4.0])}, [{"w": torch.tensor([0.0, 2.0])}])
        >>> p.direction, p.coefficients, round(p.surviving, 6)
        ({'w': tensor([3., 0.])}, tensor([2.], dtype=torch.float64), 0.36)
    """
    geometry = geometry or Euclidean()
    P_f, P_r = geometry.apply(g_f), [geometry.apply(g) for g in G_r]
    total = max(dot(g_f, P_f), 0.0)
    tol = rounding(g_f, len(G_r)) if rel_tol is None else rel_tol
    K, b = gram(G_r, P_r), torch.tensor([dot(p, g_f) for p in P_r], dtype=torch.float64)
    c, rank = solve_gram(K, b, tol)
    return finish(g_f, G_r, P_f, P_r, c, rank=rank, total=total, tol=tol)


def finish(
    g_f: VectorLike,
    G_r: Sequence[VectorLike],
    P_f: Vector,
    P_r: Sequence[Vector],
    c: Tensor,
    *,
    rank: int,
    total: float,
    tol: float,
) -> Projection:
    """Assemble ``d = P g_f - sum c_i P g_i`` and its surviving share of ``total = g_f.P g_f``."""
    weights = [1.0, *(-c).tolist()]
    d = combine(weights, [P_f, *P_r])
    left = dot(combine(weights, [g_f, *G_r]), d)
    surviving = min(max(left / total, 0.0), 1.0) if total > 0 else 0.0
    # rounding leaves a residual of relative length about tol: normalised, it would be a step of pure noise
    if len(G_r) and surviving <= tol**2:
        d, surviving = zeros_like(d), 0.0
    return Projection(d, c, surviving, rank)


def gram(G_r: Sequence[VectorLike], P_r: Sequence[VectorLike]) -> Tensor:
    """``K_ij = g_i.P g_j``, ``(k, k)`` float64, symmetric to the last bit."""
    K = torch.zeros(len(G_r), len(G_r), dtype=torch.float64)
    for i, g in enumerate(G_r):
        for j in range(i + 1):
            K[i, j] = K[j, i] = dot(g, P_r[j])
    return K


def unit_diagonal(K: Tensor) -> Tensor:
    """``u`` for which ``u_i K_ij u_j`` has a unit diagonal, ``(k,)``; 0 where ``K`` has a zero row."""
    length = K.diagonal().clamp(min=0).sqrt()
    return torch.where(length > 0, 1 / length, torch.zeros_like(length))


def solve_gram(K: Tensor, b: Tensor, rel_tol: float) -> tuple[Tensor, int]:
    """Least-norm ``c`` with ``K c = b`` for a positive semidefinite ``K``, in units of unit diagonal; and the rank."""
    if not len(b):
        return b, 0
    unit = unit_diagonal(K)
    e, U = torch.linalg.eigh(unit[:, None] * K * unit[None])
    keep = e > rel_tol * e[-1].clamp(min=torch.finfo(e.dtype).tiny)
    inverse = torch.where(keep, 1 / torch.where(keep, e, torch.ones_like(e)), torch.zeros_like(e))
    return unit * (U @ (inverse * (U.T @ (unit * b)))), int(keep.sum())


def rounding(v: VectorLike, k: int) -> float:
    """Relative size below which a combination of ``k`` vectors with the dtype of ``v`` is rounding: ``10 k eps``."""
    eps = max((torch.finfo(x.dtype).eps for x in v.values()), default=torch.finfo(torch.float64).eps)
    return 10.0 * max(k, 1) * eps
