"""What "orthogonal" and "short" mean: a symmetric positive definite map ``P`` on parameter vectors.

``P`` takes a gradient to a direction. The inner product of two gradients is ``u.P v`` and the cost of a direction
``d`` is ``d.P^-1 d``; the influence of a forget image on a test loss, ``g'.H^-1 g_f``, is this product with
``P = H^-1`` (Koh & Liang 2017, section 2). Projection and preconditioning must share one ``P``, or the projected step
is orthogonal to nothing.
"""

from __future__ import annotations

from typing import Protocol

from gsu_cli.surgery.vectors import Vector, VectorLike


class Geometry(Protocol):
    """A symmetric positive definite ``P``, applied and never formed."""

    def apply(self, v: VectorLike) -> Vector:
        """``P v``, with the names, shapes and dtypes of ``v``."""


class Euclidean:
    """``P = I``: the plain inner product of arXiv 2307.04550.

    >>> import torch
    >>> Euclidean().apply({"w": torch.ones(2)})
    {'w': tensor([1., 1.])}
    """

    def apply(self, v: VectorLike) -> Vector:
        return dict(v)
