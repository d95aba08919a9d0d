"""Where Fisher surgery may step to: directions by two solvers, and along each the step that the budget allows.

``theta`` are the weights that drawing depends on, ``g`` the gradient of the redirect loss, ``F_r`` the Fisher of the
retain set. docs/methods/fisher_surgery.md has the formulas and tells what each solver earns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gsu_cli.curvature.gauss_newton import decoder_gauss_newton
from gsu_cli.errors import UsageError
from gsu_cli.objectives.frozen_elbo import FrozenElbo
from gsu_cli.objectives.redirect import Redirect
from gsu_cli.surgery.conflict import project_conflicts
from gsu_cli.surgery.gauss_newton import krylov
from gsu_cli.surgery.kronecker import KroneckerFisher, KroneckerInverse
from gsu_cli.surgery.second_order import Parabola
from gsu_cli.surgery.steps import StepSearch, largest_step_within
from gsu_cli.surgery.streaming import LossGradient
from gsu_cli.surgery.vectors import Vector, add_scaled, dot, norm, scale

BISECTIONS = 3  # of the length between the quadratic model's minimum and the budget
FLOOR = 0.02  # curvature, in mean eigenvalues of the Fisher, that directions have which no retained image constrains
HALVINGS = 12  # of a step that overshoots, before giving up
TIE = 0.05  # share of the best decrease of the redirect loss within which dampings, layers and lengths count as equal
TOLERANCE = 0.03  # of the budget: a step that spends all but so much of it is long enough


@dataclass(frozen=True)
class Candidate:
    """A direction, the step the budget allows, the one taken, and the redirect loss it reaches.

    ``mu`` is what a nat of the retain loss costs in nats of the redirect loss, or the weight of what is to stay in the
    refit of ``layer``, which ``images`` passed and which is taken ``length`` times. What a solver does not have is
    None, or 0.
    """

    direction: Vector
    search: StepSearch
    step: float
    step_within: float
    redirect_loss: float
    damping: float | None = None
    surviving: float | None = None
    mu: float | None = None
    layer: str | None = None
    length: float | None = None
    images: int = 0


@dataclass(frozen=True)
class Ground:
    """What every solver starts from, at the present weights ``theta``.

    Attributes:
        model, goal, cost: whose drawings, the redirect loss, the retain loss.
        theta: the weights that drawing depends on.
        loss: the retain loss at ``theta``, nats per image.
        limit: the largest retain loss allowed, nats per image.
        before: the redirect loss at ``theta``, nats per image.
    """

    model: Any
    goal: Redirect
    cost: FrozenElbo
    theta: Vector
    loss: float
    limit: float
    before: float

    def rise(self, theta: Vector) -> float:
        """Relative change of the retain loss."""
        return raised(self.cost.mean(theta), self.loss)

    def reached(self, theta: Vector) -> float:
        """The redirect loss, nats per image."""
        return self.goal.mean(self.model, theta)

    def at(self, direction: Vector, step: float) -> Vector:
        return add_scaled(self.theta, step, direction)

    @property
    def allowed(self) -> float:
        """The largest relative raise of the retain loss."""
        return raised(self.limit, self.loss)


def raised(loss: float, start: float) -> float:
    """Relative raise of a loss, which may be negative.

    >>> round(raised(101.0, 100.0), 9), round(raised(-99.0, -100.0), 9)
    (0.01, 0.01)
    """
    return (loss / start - 1) * math.copysign(1, start)


@dataclass(frozen=True)
class Influence:
    """Directions from gradients and the Fisher.

    Attributes:
        ground: where.
        g: gradient of the redirect loss.
        g_r: gradient of the retain loss.
        fisher: of the retain set.
    """

    ground: Ground
    g: Vector
    g_r: LossGradient
    fisher: KroneckerFisher

    def kfac(self, damping: float) -> Candidate:
        """The direction for one damping and the step that the budget allows along it."""
        geometry = self.fisher.inverse(damping, damping_scope="layer")
        projection = project_conflicts(scale(self.g, -1.0), [self.g_r.vector], geometry)
        return replace(self._along(projection.direction), damping=damping, surviving=projection.surviving)

    def gauss_newton(self, damping: float, iterations: int, images: int) -> Candidate:
        """The direction of the exact problem, preconditioned with one damping, and the step along it.

        Args:
            damping: of the preconditioner.
            iterations: of conjugate gradients.
            images: retained ones, at most, on which curvature is taken; of those to forget half as many.
        """
        ground = self.ground
        geometry = self.fisher.inverse(damping, damping_scope="layer")
        b, surviving = self._descent(geometry)
        found = krylov(
            b,
            decoder_gauss_newton(ground.model, ground.theta, ground.goal.latents[: max(images // 2, 1)]),
            decoder_gauss_newton(ground.model, ground.theta, ground.cost.z[:images]),
            geometry.apply,
            budget=ground.limit - ground.loss,
            eps=FLOOR * self.fisher.mean_eigenvalue(),
            size=iterations,
        )
        mu = found.multiplier(ground.limit - ground.loss)
        d = found.direction(mu)
        return replace(self._along(d, natural=norm(d)), damping=damping, surviving=surviving, mu=mu)

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
        ground, length = self.ground, norm(direction)
        if length == 0:
            raise UsageError("the redirect gradient must not vanish", found="0", way_out="Nothing is left to redirect")
        d = scale(direction, 1 / length)
        expected = Parabola(dot(self.g_r.vector, d), dot(d, self.fisher.apply(d)))
        search = largest_step_within(
            lambda t: ground.rise(ground.at(d, t)),
            ground.allowed,
            low=0.05,
            high=50.0,
            guess=expected.step_for(ground.limit - ground.loss),
            rel_tol=TOLERANCE,
        )
        step = search.step
        reached = ground.reached(ground.at(d, step))
        if natural is not None and natural < step:
            step, reached = self._lengthened(d, natural, step, reached)
        # a budget that a few forgotten samples cannot spend carries the step past the bottom of the redirect loss; and
        # where the retain loss is no bowl, a shorter step than the one that was measured may cost more
        for _ in range(HALVINGS):
            if reached < ground.before and (step == search.step or ground.rise(ground.at(d, step)) <= ground.allowed):
                break
            step /= 2
            reached = ground.reached(ground.at(d, step))
        return Candidate(d, search, step, search.step, reached)

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
        ground = self.ground
        at_minimum = ground.reached(ground.at(d, natural))
        limit = at_minimum + TIE * abs(ground.before - at_minimum)
        if there <= limit:
            return longest, there
        step, reached = natural, at_minimum
        for _ in range(BISECTIONS):
            middle = math.sqrt(step * longest)
            found = ground.reached(ground.at(d, middle))
            if found <= limit:
                step, reached = middle, found
            else:
                longest = middle
        return step, reached


def choose(found: Sequence[Candidate], before: float) -> Candidate:
    """Of those that lower the redirect loss nearly as far as the best, the most damped, or the last.

    Equal on what they were fitted to, the more damped and the refits of deeper layers keep better what they were not;
    the longer refit leaves less to be seen.
    """
    most = max(before - c.redirect_loss for c in found)
    close = [(c.damping or 0.0, i) for i, c in enumerate(found) if before - c.redirect_loss >= most - TIE * abs(most)]
    return found[max(close)[1]]
