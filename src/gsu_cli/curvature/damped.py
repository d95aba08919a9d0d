"""``(H + lambda I)^-1 b`` at a model's weights, by several solvers that all answer the same question.

``H`` is the Gauss-Newton curvature of the output loss at the sites of retained images, or the Hessian of their training
loss; ``lambda`` is counted in mean eigenvalues of the Kronecker-factored Fisher, so that one value suits models of any
scale. Solvers: "cg" (conjugate gradients, preconditioned by K-FAC), "lissa", and "kfac", the inverse of the factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property, partial
from typing import Any, Literal, get_args

import torch

from gsu_cli.curvature.blocks import site_blocks
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.curvature.gauss_newton import site_gauss_newton
from gsu_cli.data.base import Images
from gsu_cli.gradients import hessian_vector, parameters
from gsu_cli.models.decoders import site_maker
from gsu_cli.models.sites import Sites
from gsu_cli.run.seeds import derive, generator
from gsu_cli.surgery.inverse import Product, Solution, conjugate_gradients, largest_eigenvalue, lissa, residual
from gsu_cli.surgery.vectors import Vector, VectorLike

SolverName = Literal["cg", "lissa", "kfac"]
CurvatureName = Literal["gauss_newton", "hessian"]
SOLVERS: tuple[SolverName, ...] = get_args(SolverName)
CURVATURES: tuple[CurvatureName, ...] = get_args(CurvatureName)
SAFE = 1.5  # of the largest eigenvalue that power iteration sees, for batches that have larger ones


class DampedCurvature:
    """The curvature of a model's loss on images.

    Args:
        model: with sites, or with ``posterior``, ``decoder`` and ``likelihood``.
        images: whose loss it is.
        names: parameters that it covers, all of the network's.
        seed: of noise.
        damping: ``lambda`` in mean eigenvalues of the Kronecker-factored Fisher, > 0.
        kind: "gauss_newton" or "hessian".
        steps: of conjugate gradients, at most.
        tolerance: relative residual at which they stop.
        depth: terms of LiSSA's series.
        batch: images a term.

    Attributes:
        damping: absolute, in the unit of the loss.
    """

    def __init__(
        self,
        model: Any,
        images: Images,
        names: Sequence[str],
        *,
        seed: int,
        damping: float,
        kind: CurvatureName = "gauss_newton",
        steps: int = 50,
        tolerance: float = 0.05,
        depth: int = 1000,
        batch: int = 100,
    ) -> None:
        self.model, self.images, self.names, self.seed, self.kind = model, images, list(names), seed, kind
        self.steps, self.tolerance, self.depth, self.batch = steps, tolerance, depth, batch
        self._fisher = kronecker_fisher(model, images, names, seed=derive(seed, "fisher"))
        self.damping = damping * self._fisher.mean_eigenvalue()
        self._inverse = self._fisher.inverse(self.damping, relative=False)

    def damped(self, damping: float) -> DampedCurvature:
        """The same curvature with another damping, counted as that of the constructor; the statistics are shared."""
        other = copy(self)
        other.__dict__.pop("_bound", None)
        other.damping = damping * self._fisher.mean_eigenvalue()
        other._inverse = self._fisher.inverse(other.damping, relative=False)
        return other

    def solve(self, b: VectorLike, solver: SolverName) -> Solution:
        """``(H + lambda I)^-1 b``.

        Args:
            b: named as the model names its parameters.
            solver: one of `SOLVERS`.

        Raises:
            NonFiniteError: the curvature is negative along a direction, or the series diverges.
        """
        if solver == "kfac":
            x = self._inverse.apply(b)
            return Solution(x, residual(self.product, x, b, self.damping), 1)
        if solver == "cg":
            return conjugate_gradients(
                self.product, b, damping=self.damping, precondition=self._inverse.apply, steps=self.steps,
                tolerance=self.tolerance,
            )  # fmt: skip
        return lissa(self._batches, b, damping=self.damping, bound=self._bound, depth=self.depth, whole=self.product)

    def product(self, v: VectorLike) -> Vector:
        """``H v``, without the damping."""
        return self._gauss_newton(v) if self.kind == "gauss_newton" else self._hessian(self.images, v)

    def _hessian(self, images: Images, v: VectorLike) -> Vector:
        return hessian_vector(self.model, images, v, seed=derive(self.seed, "hessian"))[1]

    @cached_property
    def _sites(self) -> Sites:
        blocks = site_blocks(site_maker(self.model), self.images, seed=derive(self.seed, "sites"))
        return Sites.joined([made()[0] for made in blocks])

    @cached_property
    def _gauss_newton(self) -> Product:
        return site_gauss_newton(self.model, parameters(self.model, self.names), self._sites)

    @cached_property
    def _batches(self) -> list[Product]:
        if self.kind == "hessian":
            order = torch.arange(len(self.images)).split(self.batch)
            return [partial(self._hessian, self.images[index]) for index in order]
        theta = parameters(self.model, self.names)
        return [site_gauss_newton(self.model, theta, part) for part in self._sites.split(self.batch)]

    @cached_property
    def _bound(self) -> float:
        like, rng = parameters(self.model, self.names), generator(self.seed, "bound")
        largest = max(largest_eigenvalue(H, like, generator=rng, steps=10) for H in self._batches[:5])
        return SAFE * (largest + self.damping)
