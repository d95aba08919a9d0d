"""Means over a stream: loss, gradient and Hessian-vector product, block by block, summed in float64.

``theta`` the point, ``g`` the gradient there, ``H v`` the product of the Hessian with a vector. A block is a function
of the parameters that returns one loss per image; the mean is over images, so blocks may differ in size.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.devices import add_wide
from gsu_cli.surgery.ranks import joined, ranks
from gsu_cli.surgery.second_order import hessian_vector_product
from gsu_cli.surgery.vectors import Vector, VectorLike, leaves_of

BlockLoss = Callable[[Vector], Tensor]
"""Parameters -> ``(n,)`` losses of one block."""


@dataclass(frozen=True)
class LossGradient:
    """``g`` (dtype of the parameters), the mean loss at the same point, and over how many images."""

    vector: Vector
    loss: float
    n: int


def accumulate_gradient(blocks: Iterable[BlockLoss], theta: VectorLike) -> LossGradient:
    """The mean gradient ``g`` and loss at ``theta``.

    Raises:
        NonFiniteError: a loss or gradient is not finite; names the image or the parameter and block.
        UsageError: there is no image.

    Example:
        >>> found = accumulate_gradient([lambda p: p["w"] * torch.tensor([1.0, 3.0])], {"w": torch.tensor(2.0)})
        >>> found.vector["w"].item(), found.loss, found.n
        (2.0, 4.0, 2)
    """
    return _Sum.of(blocks, theta).mean(theta)


def accumulate_product(
    blocks: Iterable[BlockLoss], theta: VectorLike, v: VectorLike, rows: Collection[str] | None = None
) -> tuple[LossGradient, Vector]:
    """The mean gradient ``g`` at ``theta`` and the mean ``H v``, or ``rows`` of it, each block evaluated once.

    Example:
        >>> _, Hv = accumulate_product([lambda p: p["w"] ** 2 * torch.tensor([1.0, 3.0])],
        ...                            {"w": torch.tensor(2.0)}, {"w": torch.tensor(1.0)})
        >>> Hv["w"].item()
        4.0
    """
    total = _Sum.of(blocks, theta, v, rows)
    return total.mean(theta), total.mean_product(theta)


def losses_of(blocks: Iterable[BlockLoss], theta: Vector, images: int | None = None) -> Tensor:
    """The loss of each image, ``(n,)``; ``images`` is n, where it is known (see `joined`)."""
    return joined(blocks, lambda f: f(theta), images)


class _Sum:
    """Running float64 sums of losses, gradients and Hessian-vector products."""

    def __init__(self) -> None:
        self.n, self.loss = 0, 0.0
        self.g: Vector = {}
        self.Hv: Vector = {}

    @classmethod
    def of(
        cls,
        blocks: Iterable[BlockLoss],
        theta: VectorLike,
        v: VectorLike | None = None,
        rows: Collection[str] | None = None,
    ) -> _Sum:
        found = cls()
        for b, terms in enumerate(ranks().in_order(blocks, lambda _, f: _terms(f, theta, v, rows))):
            found._add(terms, b)
        return found

    def _add(self, terms: Vector, b: int) -> None:
        check_finite(terms.pop("losses"), self.n)
        n, value = int(terms.pop("n")), float(terms.pop("sum"))
        for name, x in terms.items():
            kind, _, k = name.partition(" ")
            if not torch.isfinite(x).all():
                raise NonFiniteError("gradients must be finite", found=f"nan or inf in {k}, block {b}")
            add_wide(self.g if kind == "g" else self.Hv, k, x)
        self.n, self.loss = self.n + n, self.loss + value

    def mean(self, like: VectorLike) -> LossGradient:
        if not self.n:
            raise UsageError("a gradient needs at least one image", found=0)
        return LossGradient({k: (x / self.n).to(like[k]) for k, x in self.g.items()}, self.loss / self.n, self.n)

    def mean_product(self, like: VectorLike) -> Vector:
        return {k: (x / self.n).to(like[k]) for k, x in self.Hv.items()}


def _terms(f: BlockLoss, theta: VectorLike, v: VectorLike | None, rows: Collection[str] | None) -> Vector:
    """What a block adds: its losses, their number and sum, and its part of ``g`` and ``H v``."""
    seen: list[Tensor] = []

    def total(p: Vector) -> Tensor:
        losses = f(p)
        seen.append(losses.detach())
        return losses.sum()

    if v is None:
        leaves = leaves_of(theta)
        with torch.enable_grad():
            value = total(leaves)
            g = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
        vectors = {"g": dict(zip(leaves, g, strict=True))}
    else:
        value, gradient, Hv = hessian_vector_product(total, theta, v, rows)
        vectors = {"g": gradient, "Hv": Hv}
    named = {f"{kind} {k}": x for kind, vector in vectors.items() for k, x in vector.items()}
    return {"losses": seen[0], "n": torch.tensor(len(seen[0])), "sum": value.detach(), **named}


def check_finite(losses: Tensor, first: int) -> Tensor:
    """``losses`` ``(n,)`` as they came.

    Raises:
        NonFiniteError: names the first that is nan or infinite, counted from ``first``.
    """
    values = losses.detach()
    bad = (~torch.isfinite(values)).nonzero()
    if len(bad):
        i = int(bad[0, 0])
        raise NonFiniteError("losses must be finite", found=f"{float(values[i])} at image {first + i}")
    return losses
