"""Directions of Fisher surgery by two solvers, and along each the step that the budget allows.

``theta`` are the weights that generation depends on, ``g`` the gradient of the redirect loss, ``F_r`` the Fisher of the
retain set. docs/methods/fisher_surgery.md has the formulas and tells what each solver earns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gsu_cli.curvature.gauss_newton import site_gauss_newton
from gsu_cli.errors import UsageError
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.solvers.candidates import TIE, Candidate
from gsu_cli.solvers.step_problem import TOLERANCE, StepProblem
from gsu_cli.surgery.conflict import project_conflicts
from gsu_cli.surgery.gauss_newton import krylov
from gsu_cli.surgery.kronecker import KroneckerFisher, KroneckerInverse, Rotations
from gsu_cli.surgery.projection import Projection
from gsu_cli.surgery.second_order import Parabola
from gsu_cli.surgery.steps import StepSearch, largest_step_within
from gsu_cli.surgery.streaming import LossGradient
from gsu_cli.surgery.vectors import Vector, add_scaled, dot, norm, scale

BISECTIONS = 3  # of the length between the quadratic model's minimum and the budget
FLOOR = 0.02  # curvature, in mean eigenvalues of the Fisher, that directions have which no retained image constrains
HALVINGS = 12  # of a step that overshoots, before giving up


@dataclass(frozen=True)
class FisherSolver:
    """Directions from gradients and the Fisher.

    Attributes:
        problem: where.
        g: gradient of the redirect loss.
        g_r: gradient of the retain loss.
        fisher: of the retain set.
        tolerance: share of the budget that the longest step may leave unspent.
        retained: whose gradient ``g_r`` is, for curvature; None: the budget's.
    """

    problem: StepProblem
    g: Vector
    g_r: LossGradient
    fisher: KroneckerFisher
    tolerance: float = TOLERANCE
    retained: SiteLoss | None = None

    @cached_property
    def _rotations(self) -> Rotations:
        """Of ``-g`` and of ``g_r``, which all dampings share."""
        return tuple((v, self.fisher.rotated(v)) for v in (scale(self.g, -1.0), self.g_r.vector))

    def kfac(self, damping: float) -> Candidate:
        """The direction for one damping and the step that the budget allows along it."""
        projection = self.projected(damping)
        found = self._along(projection.direction)
        return replace(found, damping=damping, surviving=projection.surviving, solver="kfac")

    def projected(self, damping: float) -> Projection:
        """The direction for one damping, of any length."""
        geometry = self.fisher.inverse(damping, damping_scope="layer").knowing(self._rotations)
        (descent, _), (ascent, _) = self._rotations
        return project_conflicts(descent, [ascent], geometry)

    def gauss_newton(self, damping: float, iterations: int, images: int) -> Candidate:
        """The direction of the exact problem, preconditioned with one damping, and the step along it.

        Args:
            damping: of the preconditioner.
            iterations: of conjugate gradients.
            images: retained ones, at most, on which curvature is taken; of those to forget half as many.
        """
        problem = self.problem
        geometry = self.fisher.inverse(damping, damping_scope="layer")
        b, surviving = self._descent(geometry)
        if norm(b) == 0:
            raise vanished()
        found = krylov(
            b,
            site_gauss_newton(problem.model, problem.theta, problem.goal.sites[: max(images // 2, 1)]),
            site_gauss_newton(problem.model, problem.theta, (self.retained or problem.cost).sites[:images]),
            geometry.apply,
            budget=problem.limit - problem.loss,
            eps=FLOOR * self.fisher.mean_eigenvalue(),
            size=iterations,
        )
        mu = found.multiplier(problem.limit - problem.loss)
        d = found.direction(mu)
        found_step = self._along(d, natural=norm(d))
        return replace(found_step, damping=damping, surviving=surviving, mu=mu, solver="gauss_newton")

    def ascent(self, g_f: Vector, damping: float) -> Candidate:
        """The retain loss's Newton step at the original's optimum, which ascends the forget loss (`methods.newton`).

        Args:
            g_f: gradient of the forget loss.
            damping: in mean eigenvalues of each layer's Fisher.
        """
        geometry = self.fisher.inverse(damping, damping_scope="layer")
        projection = project_conflicts(g_f, [self.g_r.vector], geometry)
        d, search, step = self._longest(projection.direction)
        reached = self.problem.reached(self.problem.at(d, step))
        found = Candidate(d, search, step, step, reached, solver="ascent")
        return replace(found, damping=damping, surviving=projection.surviving)

    def _descent(self, geometry: KroneckerInverse) -> tuple[Vector, float]:
        """``-g``, without what would raise the retain loss in the geometry; and the share of it that is left."""
        b = scale(self.g, -1.0)
        projection = project_conflicts(b, [self.g_r.vector], geometry)
        if projection.surviving < 1:
            P_g_r = geometry.apply(self.g_r.vector)
            b = add_scaled(b, -dot(P_g_r, b) / dot(P_g_r, self.g_r.vector), self.g_r.vector)
        return b, projection.surviving

    def _along(self, direction: Vector, natural: float | None = None) -> Candidate:
        """The step along a direction: what the budget allows, or ``natural`` where that is shorter and lowers more."""
        problem = self.problem
        d, search, within = self._longest(direction)
        step = within
        reached = problem.reached(problem.at(d, step))
        if natural is not None and natural < step:
            step, reached = self._lengthened(d, natural, step, reached)
        # a budget that a few forgotten samples cannot spend carries the step past the bottom of the redirect loss; and
        # where the retain loss is no bowl, a shorter step than the one that was measured may cost more
        for _ in range(HALVINGS):
            if reached < problem.before and (step == search.step or problem.allows(problem.at(d, step))):
                break
            step /= 2
            reached = problem.reached_again(problem.at(d, step))
        else:  # what was halved last was not measured
            step, reached = 0.0, problem.before
        return Candidate(d, search, step, within, reached)

    def _longest(self, direction: Vector) -> tuple[Vector, StepSearch, float]:
        """A direction of length 1, the search for the step that the budget allows along it, and that step."""
        problem, length = self.problem, norm(direction)
        if length == 0:
            raise vanished()
        d = scale(direction, 1 / length)
        search = largest_step_within(
            lambda t: problem.relative_increase(problem.at(d, t)),
            problem.allowed,
            low=0.05,
            high=50.0,
            guess=self._first_length(d),
            rel_tol=self.tolerance,
        )
        return d, search, problem.longest(d, search.step)

    def _first_length(self, d: Vector) -> float | None:
        """Where to look first along ``d``, of length 1; None: nothing says."""
        expected = Parabola(dot(self.g_r.vector, d), dot(d, self.fisher.apply(d)))
        return expected.step_for(self.problem.limit - self.problem.loss)

    def _lengthened(self, d: Vector, natural: float, longest: float, there: float) -> tuple[float, float]:
        """From the minimum of the quadratic model towards the budget, as long as the redirect loss is as good.

        Losses within `TIE` of the decrease at the minimum count as equal, and of those the longest step is taken: what
        is left of a feature is seen while it is faint.

        Args:
            d: of length 1.
            natural: where the minimum is.
            longest: what the budget allows.
            there: the redirect loss at ``longest``.

        Returns:
            The step and the redirect loss it reaches.
        """
        problem = self.problem
        at_minimum = problem.reached_again(problem.at(d, natural))
        limit = at_minimum + TIE * abs(problem.before - at_minimum)
        if there <= limit:
            return longest, there
        step, reached = natural, at_minimum
        for _ in range(BISECTIONS):
            middle = math.sqrt(step * longest)
            found = problem.reached_again(problem.at(d, middle))
            if found <= limit:
                step, reached = middle, found
            else:
                longest = middle
        return step, reached


def vanished() -> UsageError:
    return UsageError(
        "the redirect gradient must not vanish",
        found="0",
        way_out="Forget something that the model still generates",
    )


def candidates(
    influence: FisherSolver,
    *,
    ways: Collection[str],
    damping: Sequence[float],
    size: tuple[int, int],
    ascend: Callable[[], Vector],
) -> list[Candidate]:
    """One of each direction, as far as the problem's limits allow.

    Args:
        influence: with the gradients and the Fisher.
        ways: "kfac", one for each damping; "gauss_newton", "ascent".
        damping: in mean eigenvalues of each layer's Fisher.
        size: of the exact problem: conjugate gradients, and images at most.
        ascend: the gradient of the forget loss, asked where it is ascended.
    """
    found = [influence.kfac(c) for c in damping] if "kfac" in ways else []
    if "gauss_newton" in ways:
        found.append(influence.gauss_newton(damping[0], *size))
    if "ascent" in ways:
        g_f = ascend()
        found += [influence.ascent(g_f, c) for c in sorted({damping[0], damping[-1]})]
    return found
