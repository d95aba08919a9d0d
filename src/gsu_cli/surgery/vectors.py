"""Arithmetic of parameter vectors: one tensor per parameter name, never one flat vector of all.

A vector ``v`` is a mapping name -> tensor. Two vectors can be combined when they have the same names; order does not
matter. Scalars come back as Python floats, accumulated in float64, because the differences that surgery lives on
(``g_f.g_r`` against ``|g_f| |g_r|``) drown in float32 sums over a million weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from gsu_cli.surgery.devices import wide

Vector: TypeAlias = dict[str, Tensor]
VectorLike: TypeAlias = Mapping[str, Tensor]


def dot(u: VectorLike, v: VectorLike) -> float:
    """``u.v``, summed in float64.

    >>> dot({"w": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}, {"b": torch.ones(1), "w": torch.ones(2)})
    6.0
    """
    _same_names(u, v)
    return sum(float(torch.dot(wide(u[k].reshape(-1)), wide(v[k].reshape(-1)))) for k in u)


def norm(v: VectorLike) -> float:
    """``|v| = sqrt(v.v)``.

    >>> norm({"w": torch.tensor([3.0]), "b": torch.tensor([4.0])})
    5.0
    """
    return math.sqrt(dot(v, v))


def scale(v: VectorLike, t: float) -> Vector:
    """``t v``."""
    return {k: t * x for k, x in v.items()}


def add_scaled(u: VectorLike, t: float, v: VectorLike) -> Vector:
    """``u + t v``: with ``u`` the weights and ``v`` a direction, the weights after a step of length ``t``.

    >>> add_scaled({"w": torch.ones(2)}, 0.5, {"w": torch.tensor([2.0, 4.0])})
    {'w': tensor([2., 3.])}
    """
    _same_names(u, v)
    return {k: torch.add(x, v[k], alpha=t) for k, x in u.items()}


def combine(coefficients: Sequence[float], vectors: Sequence[VectorLike]) -> Vector:
    """``sum_i c_i v_i``, summed in float64 and rounded once to the dtype of the first vector."""
    first = vectors[0]
    for v in vectors:
        _same_names(first, v)
    total = {k: torch.zeros_like(wide(x)) for k, x in first.items()}
    for c, v in zip(coefficients, vectors, strict=True):
        for k, x in total.items():
            x.add_(wide(v[k]), alpha=float(c))
    return {k: x.to(first[k]) for k, x in total.items()}


def zeros_like(v: VectorLike) -> Vector:
    """The zero vector with the names, shapes and dtypes of ``v``."""
    return {k: torch.zeros_like(x) for k, x in v.items()}


def select(v: VectorLike, names: Iterable[str]) -> Vector:
    """The part of ``v`` that belongs to ``names``, in their order.

    >>> list(select({"a": torch.ones(1), "b": torch.ones(1), "c": torch.ones(1)}, ["c", "a"]))
    ['c', 'a']
    """
    return {k: v[k] for k in names}


def leaves_of(v: VectorLike) -> Vector:
    """Copies that a loss can be differentiated by."""
    return {k: x.detach().clone().requires_grad_() for k, x in v.items()}


def flatten(v: VectorLike) -> Tensor:
    """All entries in one flat tensor, parameters in order of ``v``; for tests and small models."""
    return torch.cat([x.reshape(-1) for x in v.values()])


def unflatten(flat: Tensor, like: VectorLike) -> Vector:
    """The inverse of :func:`flatten`, with the names and shapes of ``like``."""
    parts = torch.split(flat, [x.numel() for x in like.values()])
    return {k: part.view(x.shape) for (k, x), part in zip(like.items(), parts, strict=True)}


def is_finite(v: VectorLike) -> bool:
    """True when no entry is nan or infinite.

    >>> is_finite({"w": torch.tensor([1.0, float("nan")])})
    False
    """
    return all(bool(torch.isfinite(x).all()) for x in v.values())


def _same_names(u: VectorLike, v: VectorLike) -> None:
    if u.keys() != v.keys():
        # a defect of the caller, not of the user: a plain ValueError keeps its traceback
        raise ValueError(f"vectors with different parameters: {sorted(u.keys() ^ v.keys())}")
