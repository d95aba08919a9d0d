"""Inputs that provably have a property."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.surgery.vectors import Vector, VectorLike, combine, flatten, unflatten, zeros_like

SHAPES = {"w": (4, 3), "b": (4,), "v": (2, 2, 2)}
SIZE = 24


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def vector(seed: int, dtype: torch.dtype = torch.float64) -> Vector:
    g = generator(seed)
    return {k: torch.randn(s, generator=g, dtype=torch.float64).to(dtype) for k, s in SHAPES.items()}


def independent(k: int, seed: int) -> list[Vector]:
    return [vector(1000 * seed + i) for i in range(1, k + 1)]


def rank_deficient(k: int, rank: int, seed: int) -> list[Vector]:
    """``k`` vectors in a space of dimension ``rank``."""
    base = independent(rank, seed)
    weights = torch.randn(k, rank, generator=generator(seed), dtype=torch.float64).tolist()
    return [combine(w, base) for w in weights]


def with_zero(k: int, seed: int) -> list[Vector]:
    return [*independent(k, seed), zeros_like(vector(0))]


def inside_span(G_r: list[Vector], seed: int) -> Vector:
    weights = torch.randn(len(G_r), generator=generator(seed + 7), dtype=torch.float64).tolist()
    return combine(weights, G_r)


@dataclass(frozen=True)
class Dense:
    """A geometry given as a matrix: the slow thing that tests compare with."""

    P: Tensor

    def apply(self, v: VectorLike) -> Vector:
        flat = self.P @ flatten(v).double()
        return {k: x.to(v[k].dtype) for k, x in unflatten(flat, v).items()}


def spd(seed: int, n: int = SIZE, condition: float = 100.0) -> Tensor:
    """A symmetric positive definite matrix with eigenvalues spread over ``condition``."""
    Q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator(seed), dtype=torch.float64))
    P = (Q * torch.logspace(0, -torch.log10(torch.tensor(condition)).item(), n, dtype=torch.float64)) @ Q.T
    return (P + P.T) / 2
