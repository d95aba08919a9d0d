"""What a step will do to a loss, before it is taken: ``L(theta + t d) - L(theta) ~ t g.d + t^2/2 d.H d``.

``g`` gradient, ``H`` Hessian, ``d`` direction. One Hessian-vector product, about twice the price of a gradient, gives
the whole parabola. After surgery ``g_r.d = 0`` and the second term is the price of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.surgery.vectors import Vector, VectorLike, dot, leaves_of


@dataclass(frozen=True)
class Parabola:
    """Change of a loss along a direction, to second order.

    Attributes:
        slope: ``g.d``.
        curvature: ``d.H d``.

    Example:
        >>> Parabola(slope=1.0, curvature=4.0).change(0.5)
        1.0
    """

    slope: float
    curvature: float

    def change(self, t: float) -> float:
        """Predicted change of the loss for the step ``t d``."""
        return t * self.slope + 0.5 * t * t * self.curvature

    def step_for(self, increase: float) -> float | None:
        """The smallest ``t > 0`` at which the loss has risen by ``increase > 0``; None where the parabola never does.

        >>> Parabola(slope=0.0, curvature=2.0).step_for(4.0)
        2.0
        """
        root = self.slope**2 + 2 * self.curvature * increase
        bottom = self.slope + root**0.5 if root >= 0 else 0.0
        # 2 increase / (slope + root), not (root - slope) / curvature: no cancellation, and right for curvature 0
        return 2 * increase / bottom if bottom > 0 else None


def parabola(g: VectorLike, Hd: VectorLike, d: VectorLike) -> Parabola:
    """The parabola of a loss with gradient ``g`` along ``d``, given ``H d``."""
    return Parabola(dot(g, d), dot(Hd, d))


def hessian_vector_product(
    loss: Callable[[Vector], Tensor], theta: VectorLike, v: VectorLike, rows: Collection[str] | None = None
) -> tuple[Tensor, Vector, Vector]:
    """``(L, g, H v)`` at ``theta`` by differentiating ``g.v`` (Pearlmutter 1994); ``loss`` is called once.

    Double backward rather than forward-over-reverse: every op that trains supports it, and a loss that samples noise
    sees that noise once. Where ``v`` is 0 nothing is differentiated again.

    Args:
        loss: parameter vector -> scalar, twice differentiable.
        theta: where; detached copies are used.
        v: the vector, with the names of ``theta``.
        rows: names whose part of ``H v`` is wanted; None: all.

    Example:
        >>> L, g, Hv = hessian_vector_product(lambda p: (p["w"] ** 3).sum(), {"w": torch.tensor([1.0, 2.0])},
        ...                                   {"w": torch.tensor([1.0, 1.0])})
        >>> L.item(), g["w"].tolist(), Hv["w"].tolist()
        (9.0, [3.0, 12.0], [6.0, 12.0])
    """
    leaves = leaves_of(theta)
    wanted = {k: x for k, x in leaves.items() if rows is None or k in rows}
    with torch.enable_grad():
        value = loss(leaves)
        # a parameter that the loss does not depend on, or only linearly, has a zero row
        g = torch.autograd.grad(value, list(leaves.values()), create_graph=True, materialize_grads=True)
        slope = sum(((x * v[k]).sum() for k, x in zip(leaves, g, strict=True) if v[k].any()), torch.zeros_like(value))
        points = list(wanted.values())
        zero = tuple(torch.zeros_like(x) for x in points)
        Hv = torch.autograd.grad(slope, points, materialize_grads=True) if slope.requires_grad and points else zero
    return (
        value.detach(),
        {k: x.detach() for k, x in zip(leaves, g, strict=True)},
        {k: x.detach() for k, x in zip(wanted, Hv, strict=True)},
    )
