"""Two rows and the direction between them: rows of any length for an aggregator, and the closed form MUNBa."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gsu_cli.surgery.devices import wide

Aggregator = Callable[[Tensor], Tensor]
"""Jacobian ``(2, P)`` -> direction ``(P,)``."""


SMALLEST = -100  # power of two below which rows stay small: its inverse must be a float32


def guarded(aggregate: Aggregator, *, degree: float | None = None, double: bool = False) -> Aggregator:
    """The aggregator for rows of any length.

    Args:
        aggregate: of rows of an ordinary length.
        degree: `aggregators._degree`; rows go in with a norm in [0.5, 1), the direction comes out in their unit.
        double: rows go in as float64 on the CPU, where solvers and options are.
    """

    def of(J: Tensor) -> Tensor:
        norm = float(torch.linalg.vector_norm(wide(J)))
        if not 0 < norm < math.inf:
            return J.sum(0)  # zero, or not finite, of which the loop says where
        power = 0 if degree is None else max(math.frexp(norm)[1], SMALLEST)
        rows = (J.cpu().double() if double else J) * 2.0**-power
        direction = aggregate(rows) * float(2.0 ** (power * (degree or 0.0)))
        return direction.to(J)

    return of


def munba(J: Tensor) -> Tensor:
    """``(u_1 + u_2) / sqrt(1 + u_1.u_2)``, the Nash bargain of two rows; zero where a row is, or both cancel out.

    >>> munba(torch.tensor([[3.0, 0.0], [0.0, 0.5]]))
    tensor([1.0000, 1.0000])
    """
    lengths = J.norm(dim=1, keepdim=True)
    if not bool((lengths > 0).all()):
        return torch.zeros_like(J[0])
    both = (J / lengths).sum(0)
    length = both.norm()  # sqrt(2 + 2 u_1.u_2)
    return both * (math.sqrt(2) / length) if float(length) > 1e-6 else torch.zeros_like(both)
