"""Gauss-Newton: the exact curvature of a loss of a network's outputs, and steps that weigh two of them.

    G v = mean_i J_i^T H_i J_i v,    (G_f + mu G_r + eps I) d = b

``J_i`` the Jacobian of sample ``i``'s output in the parameters, ``H_i`` the Hessian of its loss in the output,
``G_f`` and ``G_r`` the curvature of what is to change and of what is to stay, ``b`` the descent direction, ``mu`` what
a nat of the latter costs in nats of the former. Conjugate gradients, preconditioned by a geometry (of Kronecker
factors, say), span a small subspace in which the problem is solved for every ``mu`` at once.

Sources: Schraudolph 2002 (the product); Hestenes and Stiefel 1952 (conjugate gradients); Martens 2010, who lets a
network be trained so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp
from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.devices import add_wide
from gsu_cli.surgery.ranks import ranks
from gsu_cli.surgery.taps import Inputs
from gsu_cli.surgery.vectors import Vector, VectorLike, add_scaled, combine, dot

LOG_MU = (-14.0, 28.0)  # natural logarithms between which a multiplier is looked for: 1e-6 to 1e12

Network = Callable[[Vector, Any], Tensor]
"""Parameters and inputs, one tensor ``(n, ...)`` or several -> outputs ``(n, ...)``."""

OutputCurvature = Callable[[Tensor, Tensor], Tensor]
"""Outputs and a tangent of the same shape -> ``H`` times the tangent, sample by sample."""

Product = Callable[[VectorLike], Vector]
Precondition = Callable[[VectorLike], Vector]


def gauss_newton_product(
    network: Network, inputs: Iterable[Inputs], curvature: OutputCurvature, theta: VectorLike, v: VectorLike
) -> Vector:
    """``G v``, the mean over all samples, block by block, summed in float64.

    Args:
        network: differentiable forward and backward; called twice per block.
        inputs: blocks, each one tensor ``(n, ...)`` or a tuple of them.
        curvature: of the loss in the outputs, symmetric.
        theta: where.
        v: with the names of ``theta``.

    Raises:
        UsageError: there is no sample.
        NonFiniteError: the product is not finite.

    Example:
        >>> G_v = gauss_newton_product(lambda p, x: x * p["w"], [torch.tensor([[1.0], [3.0]])], lambda y, u: 2 * u,
        ...                            {"w": torch.tensor(5.0)}, {"w": torch.tensor(1.0)})
        >>> G_v["w"].item()  # 2 (1 + 9) / 2
        10.0
    """
    point = {k: x.detach() for k, x in theta.items()}
    tangent = {k: v[k].detach() for k in point}

    def terms(_: int, block: Inputs) -> Vector:
        def outputs(p: Vector) -> Tensor:
            return network(p, block)

        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's own forward mode uses what torch deprecates
            y, Jv = torch.func.jvp(outputs, (point,), (tangent,))[:2]
        HJv = curvature(y.detach(), Jv.detach())
        leaves = {k: x.clone().requires_grad_() for k, x in point.items()}
        with torch.enable_grad():
            weighted = (outputs(leaves) * HJv).sum()
            found = torch.autograd.grad(weighted, list(leaves.values()), materialize_grads=True)
        return {"": torch.tensor(len(y)), **dict(zip(leaves, found, strict=True))}

    sums: Vector = {}
    n = 0
    for part in ranks().in_order(inputs, terms):
        n += int(part.pop(""))
        for k, term in part.items():
            add_wide(sums, k, term)
    if not n:
        raise UsageError("a Gauss-Newton product needs at least one sample", found=0)
    if bad := [k for k, total in sums.items() if not torch.isfinite(total).all()]:
        raise NonFiniteError("Gauss-Newton products must be finite", found=f"nan or inf in {bad[0]}")
    return {k: (total / n).to(point[k]) for k, total in sums.items()}


def output_curvature(nll: Callable[[Tensor, Tensor], Tensor], target: Callable[[Tensor], Tensor]) -> OutputCurvature:
    """``H`` of a likelihood's ``nll(output, x)`` at ``x = target(output)``, by differentiating twice.

    In the natural parameters of an exponential family (logits of a Bernoulli, means of a Gaussian of fixed width) it
    does not depend on ``x``, and is the Fisher.

    Example:
        >>> H = output_curvature(lambda y, x: (2 * (y - x) ** 2).sum(1), lambda y: y)
        >>> H(torch.zeros(1, 2), torch.tensor([[1.0, 3.0]])).tolist()
        [[4.0, 12.0]]
    """

    def times(output: Tensor, tangent: Tensor) -> Tensor:
        y = output.detach().clone().requires_grad_()
        x = target(output).detach()
        with torch.enable_grad():
            (g,) = torch.autograd.grad(nll(y, x).sum(), y, create_graph=True)
            (product,) = torch.autograd.grad((g * tangent).sum(), y)
        return product

    return times


@dataclass(frozen=True)
class Subspace:
    """A few directions, and what both curvatures are on their span.

    Attributes:
        basis: ``k`` vectors.
        slope: ``(k,)``, ``b.p``: first-order decrease along each.
        gain: ``(k, k)``, ``p.G_f q``.
        price: ``(k, k)``, ``p.(G_r + eps I) q``, positive definite.
    """

    basis: tuple[Vector, ...]
    slope: Tensor
    gain: Tensor
    price: Tensor

    def direction(self, mu: float) -> Vector:
        """The minimiser of ``-b.d + d.G_f d / 2 + mu d.(G_r + eps I) d / 2`` on the span.

        Example:
            >>> one = Subspace(({"w": torch.tensor(1.0)},), torch.tensor([6.0]), torch.tensor([[1.0]]),
            ...                torch.tensor([[2.0]]))
            >>> one.direction(1.0)["w"].item()
            2.0
        """
        y = torch.linalg.solve(self.gain + mu * self.price, self.slope)
        return combine(y.tolist(), self.basis)

    def multiplier(self, budget: float) -> float:
        """The ``mu`` at which `direction` costs ``d.(G_r + eps I) d / 2 = budget``; the least one where less is spent.

        Args:
            budget: > 0, in the unit of the loss behind ``G_r``.

        Example:
            >>> one = Subspace(({"w": torch.tensor(1.0)},), torch.tensor([6.0]), torch.tensor([[1.0]]),
            ...                torch.tensor([[2.0]]))
            >>> round(one.multiplier(4.0), 6)  # d = 2 costs 4, and 6 / (1 + 2 mu) = 2 for mu = 1
            1.0
        """
        L = torch.linalg.cholesky(self.price)
        M = torch.linalg.solve_triangular(L, torch.linalg.solve_triangular(L, self.gain, upper=False).T, upper=False)
        e, U = torch.linalg.eigh((M + M.T) / 2)
        s = U.T @ torch.linalg.solve_triangular(L, self.slope[:, None], upper=False)[:, 0]

        def spent(log_mu: float) -> float:
            return float(0.5 * (s / (e.clamp(min=0) + exp(log_mu))).square().sum())

        low, high = LOG_MU
        if spent(low) <= budget:
            return exp(low)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if spent(middle) > budget else (low, middle)
        return exp(high)


def krylov(
    b: VectorLike, gain: Product, price: Product, precondition: Precondition, *, budget: float, eps: float, size: int
) -> Subspace:
    """The directions of ``size`` conjugate-gradient steps, with both curvatures on their span.

    They are conjugate for the ``mu`` that ``budget`` gives along the first of them, and serve others near it.

    Args:
        b: the descent direction, not zero.
        gain: ``v -> G_f v``.
        price: ``v -> G_r v``.
        precondition: symmetric positive definite.
        budget: what the step may cost, in the unit of the loss behind ``G_r``.
        eps: added to ``G_r``: what no sample constrains must not be free.
        size: at most; fewer where the problem is solved before.
    """
    basis: list[Vector] = []
    gains: list[Vector] = []
    prices: list[Vector] = []
    r: Vector = dict(b)
    z = precondition(r)
    p, rz = z, dot(r, z)
    first, mu = rz, 0.0
    for i in range(size):
        G_f, G_r = gain(p), add_scaled(price(p), eps, p)
        basis, gains, prices = [*basis, p], [*gains, G_f], [*prices, G_r]
        if i == 0:
            mu = _subspace(b, basis, gains, prices).multiplier(budget)
        Ap = add_scaled(G_f, mu, G_r)
        r = add_scaled(r, -rz / dot(p, Ap), Ap)
        z = precondition(r)
        rz, before = dot(r, z), rz
        if not rz > 1e-10 * first:
            break
        p = add_scaled(z, rz / before, p)

    return _subspace(b, basis, gains, prices)


def _subspace(b: VectorLike, basis: list[Vector], gains: list[Vector], prices: list[Vector]) -> Subspace:
    def table(products: list[Vector]) -> Tensor:
        M = torch.tensor([[dot(p, x) for x in products] for p in basis], dtype=torch.float64)
        return (M + M.T) / 2  # symmetric but for rounding

    slope = torch.tensor([dot(p, b) for p in basis], dtype=torch.float64)
    return Subspace(tuple(basis), slope, table(gains), table(prices))
