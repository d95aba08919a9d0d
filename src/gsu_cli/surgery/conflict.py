"""Surgery only where it is needed: a step that already lowers the retain loss is left alone.

A step along ``d`` changes retain loss ``i`` by ``g_i.d`` to first order. Where that is negative the raw step is free
gain, and projecting it away would give the gain back.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gsu_cli.surgery.geometry import Euclidean, Geometry
from gsu_cli.surgery.projection import Projection, finish, gram, rounding, unit_diagonal
from gsu_cli.surgery.vectors import VectorLike, dot

SWEEPS, TOLERANCE = 10_000, 1e-13  # of coordinate descent: at most, and relative to the right-hand side


def raises_retain(d: VectorLike, G_r: Sequence[VectorLike]) -> bool:
    """A-GEM's test: would a small step along ``d`` raise any retain loss (``g_i.d > 0``)?

    >>> raises_retain({"w": torch.tensor([1.0, -1.0])}, [{"w": torch.tensor([0.0, 2.0])}])
    False
    """
    return any(dot(g, d) > 0 for g in G_r)


def project_conflicts(g_f: VectorLike, G_r: Sequence[VectorLike], geometry: Geometry | None = None) -> Projection:
    """``d = P g_f - P G_r c`` with the least ``c >= 0`` for which no retain loss rises: ``g_i.d <= 0`` for all ``i``.

    For one retain gradient this is A-GEM: ``P g_f`` itself when ``g_f.P g_r <= 0``, else its projection. For several it
    is GEM's quadratic program, solved in its dual (``min c.K c / 2 - b.c`` over ``c >= 0``) by coordinate descent.

    Source: Chaudhry et al. 2019 (A-GEM), section 4; Lopez-Paz & Ranzato 2017 (GEM), section 3.

    Example:
        >>> free = project_conflicts({"w": torch.tensor([1.0, -1.0])}, [{"w": torch.tensor([0.0, 2.0])}])
        >>> free.direction["w"].tolist(), free.surviving
        ([1.0, -1.0], 1.0)
    """
    geometry = geometry or Euclidean()
    P_f, P_r = geometry.apply(g_f), [geometry.apply(g) for g in G_r]
    K, b = gram(G_r, P_r), torch.tensor([dot(p, g_f) for p in P_r], dtype=torch.float64)
    c = _nonnegative(K, b)
    total = max(dot(g_f, P_f), 0.0)
    return finish(g_f, G_r, P_f, P_r, c, rank=int((c > 0).sum()), total=total, tol=rounding(g_f, len(G_r)))


def _nonnegative(K: Tensor, b: Tensor) -> Tensor:
    """``argmin c.K c / 2 - b.c`` over ``c >= 0``, in units where ``K`` has a unit diagonal; zero rows get 0."""
    unit = unit_diagonal(K)
    # k is at most some tens: plain floats are faster than one-element tensors
    rows, rhs = (unit[:, None] * K * unit[None]).tolist(), (unit * b).tolist()
    c = [0.0] * len(rhs)
    size = max((abs(x) for x in rhs), default=0.0)
    for _ in range(SWEEPS):
        change = 0.0
        for i, row in enumerate(rows):
            if row[i] > 0:
                new = max(0.0, c[i] + (rhs[i] - sum(k * x for k, x in zip(row, c, strict=True))) / row[i])
                change, c[i] = max(change, abs(new - c[i])), new
        if change <= TOLERANCE * size:
            break
    return unit * torch.tensor(c, dtype=torch.float64)
