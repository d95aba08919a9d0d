"""``x = (H + lambda I)^-1 b`` by products with ``H`` alone: conjugate gradients, and the series that LiSSA sums.

    LiSSA:  y <- b + y - (H_j + lambda I) y / s,    x = y / s,    H_j the curvature of batch j, s > |H_j| + lambda

Sources: Hestenes and Stiefel 1952 (conjugate gradients); Martens 2010 (with a geometry as preconditioner); Agarwal,
Bullins and Hazan, JMLR 2017, and Koh and Liang, ICML 2017 (the series, and influence by it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from gsu_cli.errors import NonFiniteError
from gsu_cli.surgery.vectors import Vector, VectorLike, add_scaled, dot, is_finite, norm, scale, zeros_like

Product = Callable[[VectorLike], Vector]


@dataclass(frozen=True)
class Solution:
    """What a solver found.

    Attributes:
        x: the solution, with the names of ``b``.
        residual: ``|b - (H + lambda I) x| / |b|``: how far it is from one; 0 of ``b = 0``.
        products: with ``H`` that it took, the last one for ``residual``.
    """

    x: Vector
    residual: float
    products: int


def conjugate_gradients(
    product: Product,
    b: VectorLike,
    *,
    damping: float,
    precondition: Product | None = None,
    steps: int = 50,
    tolerance: float = 1e-3,
) -> Solution:
    """Solves ``(H + damping I) x = b``.

    Args:
        product: ``v -> H v``, symmetric.
        b: the right-hand side.
        damping: >= 0.
        precondition: ``v -> P v``, symmetric positive definite, near the inverse; None takes the identity.
        steps: at most.
        tolerance: relative residual at which it stops.

    Raises:
        NonFiniteError: a direction of negative curvature, along which there is no minimum.

    Example:
        >>> found = conjugate_gradients(lambda v: {"w": 3 * v["w"]}, {"w": torch.tensor(8.0)}, damping=1.0)
        >>> found.x["w"].item()
        2.0
    """
    P: Product = dict if precondition is None else precondition
    length, x = norm(b), zeros_like(b)
    if length == 0:
        return Solution(x, 0.0, 0)
    r: Vector = dict(b)
    z = P(r)
    p, rz, done = z, dot(r, z), 0
    while done < steps and norm(r) > tolerance * length:
        Ap = add_scaled(product(p), damping, p)
        bend, done = dot(p, Ap), done + 1
        if not bend > 0:
            raise NonFiniteError(
                "conjugate gradients need a curvature that is positive along every direction",
                found=f"{bend:.3g} at step {done}",
                way_out="Raise the damping, or take the Gauss-Newton curvature",
            )
        x, r = add_scaled(x, rz / bend, p), add_scaled(r, -rz / bend, Ap)
        z = P(r)
        rz, before = dot(r, z), rz
        p = add_scaled(z, rz / before, p)
    return Solution(x, residual(product, x, b, damping), done + 1)


def lissa(
    products: Sequence[Product], b: VectorLike, *, damping: float, bound: float, depth: int, whole: Product
) -> Solution:
    """The series of ``depth`` terms, batch after batch.

    Args:
        products: ``v -> H_j v`` of each batch, taken in turn.
        b: the right-hand side.
        damping: >= 0.
        bound: ``s``, above every eigenvalue of every ``H_j + damping I``.
        depth: terms; about ``bound / damping`` of them are needed where ``b`` reaches flat directions.
        whole: ``v -> H v``, for the residual.

    Raises:
        NonFiniteError: it diverges, because ``bound`` is none.

    Example:
        >>> half = lambda v: {"w": 0.5 * v["w"]}
        >>> found = lissa([half], {"w": torch.tensor(1.0)}, damping=0.0, bound=1.0, depth=60, whole=half)
        >>> round(found.x["w"].item(), 6)
        2.0
    """
    y: Vector = dict(b)
    for j in range(depth):
        H_y = add_scaled(products[j % len(products)](y), damping, y)
        y = add_scaled(add_scaled(y, -1 / bound, H_y), 1.0, b)
    if not is_finite(y) or norm(y) > 1e3 * bound * norm(b) / max(damping, 1e-30):
        raise NonFiniteError(
            "the series of LiSSA must converge", found=f"it diverges at a bound of {bound:.3g}", way_out="Raise it"
        )
    x = scale(y, 1 / bound)
    return Solution(x, residual(whole, x, b, damping), depth + 1)


def residual(product: Product, x: VectorLike, b: VectorLike, damping: float) -> float:
    """``|b - (H + damping I) x| / |b|``; 0 of ``b = 0``."""
    length = norm(b)
    left = add_scaled(add_scaled(b, -1.0, product(x)), -damping, x)
    return norm(left) / length if length else 0.0


def largest_eigenvalue(product: Product, like: VectorLike, *, generator: torch.Generator, steps: int = 20) -> float:
    """By power iteration from a random direction: a value from below, near it where it stands apart.

    Example:
        >>> rng = torch.Generator().manual_seed(0)
        >>> H = lambda v: {"w": torch.tensor([4.0, 1.0]) * v["w"]}
        >>> round(largest_eigenvalue(H, {"w": torch.zeros(2)}, generator=rng), 4)
        4.0
    """
    v: Vector = {k: torch.randn(x.shape, generator=generator).to(x) for k, x in like.items()}
    found = 0.0
    for _ in range(steps):
        v = scale(v, 1 / max(norm(v), 1e-30))
        H_v = product(v)
        found, v = dot(v, H_v), H_v
    return found
