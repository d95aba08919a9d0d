"""The theorems of surgery, each an assertion about a function ``(g_f, G_r, geometry) -> direction``."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.surgery.geometry import Geometry
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import Vector, VectorLike, dot, flatten, norm, scale


def assert_close(u: VectorLike, v: VectorLike, rel: float = 1e-6, size: float | None = None) -> None:
    """``|u - v| <= rel * size``, with ``size`` the length of ``v`` unless given."""
    gap = float((flatten(u).double() - flatten({k: v[k] for k in u}).double()).norm())
    assert gap <= rel * (norm(v) if size is None else size), gap


def assert_orthogonal_to_retain(d: VectorLike, G_r: list[Vector], size: float, rel: float = 1e-6) -> None:
    """``g_i.d = 0`` up to rounding, where ``size`` is the length of ``P g_f``."""
    for g in G_r:
        assert abs(dot(g, d)) <= rel * norm(g) * size + 1e-300


def assert_idempotent(g_f: Vector, G_r: list[Vector], geometry: Geometry, rel: float = 1e-6) -> None:
    """What is left of ``g_f`` as a gradient, projected again, stays."""
    c = project_out(g_f, G_r, geometry).coefficients
    left = {k: x - sum(float(a) * g[k] for a, g in zip(c, G_r, strict=True)) for k, x in g_f.items()}
    once, twice = project_out(g_f, G_r, geometry).direction, project_out(left, G_r, geometry).direction
    assert_close(twice, once, rel, size=norm(geometry.apply(g_f)))


def assert_never_longer(g_f: Vector, G_r: list[Vector], geometry: Geometry) -> None:
    """In the P-norm surgery shortens: ``0 <= surviving <= 1``, and ``g_f.d`` is that share of ``g_f.P g_f``."""
    p = project_out(g_f, G_r, geometry)
    total = dot(g_f, geometry.apply(g_f))
    assert 0.0 <= p.surviving <= 1.0
    assert -1e-9 * total <= dot(g_f, p.direction) <= total * (1 + 1e-9)
    assert abs(dot(g_f, p.direction) - p.surviving * total) <= 1e-9 * total


def assert_invariant_to_retain_order(g_f: Vector, G_r: list[Vector], geometry: Geometry) -> None:
    d, reverse = (project_out(g_f, G, geometry).direction for G in (G_r, G_r[::-1]))
    assert_close(reverse, d, 1e-6, size=norm(geometry.apply(g_f)))


def assert_invariant_to_retain_scale(g_f: Vector, G_r: list[Vector], geometry: Geometry, factors: list[float]) -> None:
    d = project_out(g_f, G_r, geometry).direction
    scaled = project_out(g_f, [scale(g, t) for g, t in zip(G_r, factors, strict=True)], geometry).direction
    assert_close(scaled, d, 1e-6, size=norm(geometry.apply(g_f)))


def naive_projection(g_f: Vector, G_r: list[Vector], P: Tensor) -> Tensor:
    """The reference: dense ``P``, dense ``pinv``, float64, flat."""
    f = flatten(g_f).double()
    G = torch.stack([flatten(g) for g in G_r], 1).double()
    c = torch.linalg.pinv(G.T @ P @ G, rtol=1e-10, hermitian=True) @ (G.T @ P @ f)
    return P @ (f - G @ c)
