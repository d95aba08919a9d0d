"""Unlearning of a linear-Gaussian model against exact retraining: what one step can reach, and a bound on it.

Everything is a function of the moments of the images (see `models.vae.linear_gaussian`), so that the retrained model,
the Hessian and every distance are exact. Compared are the original as it is, one gradient step of the best length, and
one Newton step on the loss of what is retained, which is the influence update ``(n_f / n_r) H_r^-1 g_f`` of an original
at its optimum. The bound on the loss that the Newton step leaves beyond retraining:

    |grad L_r(theta_N)| <= |H d + g| + M |d|^2 / 2,    L_r(theta_N) - min L_r <= |grad L_r(theta_N)|^2 / (2 m)

``M`` is the largest ``|(H(theta_0 + t d) - H(theta_0)) d| / (t |d|^2)`` at ten points of the segment, ``m`` the least
curvature at the retrained model, rotations of the latents left out. It holds where ``M`` is the maximum over the whole
segment and the curvature between the two models is nowhere below ``m``. Source: Guo et al., "Certified Data Removal",
ICML 2020; Nesterov and Polyak 2006 (the second-order remainder).
"""

from __future__ import annotations

from dataclasses import dataclass

from gsu_cli.errors import NonFiniteError
from gsu_cli.models.vae.linear_gaussian import Moments, divergence, fitted, least_curvature, mean_nll, without_rotation
from gsu_cli.surgery.inverse import conjugate_gradients
from gsu_cli.surgery.second_order import hessian_vector_product, parabola
from gsu_cli.surgery.vectors import Vector, VectorLike, add_scaled, dot, norm, scale, zeros_like

POINTS = 10  # of the segment, at which the curvature is compared with that at its start
TOLERANCE, STEPS = 1e-9, 5000  # of conjugate gradients: exact but for rounding


@dataclass(frozen=True)
class Reached:
    """How far an update is from exact retraining.

    Attributes:
        excess: the retain loss beyond the least one, nats/image.
        divergence: ``KL(retrained || updated)``, nats/image.
    """

    excess: float
    divergence: float


@dataclass(frozen=True)
class Comparison:
    """What updates of one original reach when some images are forgotten.

    Attributes:
        n: images forgotten.
        original, gradient, newton: no update, the best gradient step, the Newton step; None where the curvature at the
            original is not positive.
        bound: on ``newton.excess``.
        cosine: of forget and retain gradient; -1 at an optimum of all images.
    """

    n: int
    original: Reached
    gradient: Reached
    newton: Reached | None
    bound: float | None
    cosine: float


class Problem:
    """The retain loss, its minimum, and how far from it a model is.

    Args:
        retained: moments of what is retained.
        q: latents.
        sigma: of a pixel.
    """

    def __init__(self, retained: Moments, q: int, sigma: float) -> None:
        self.moments, self.q, self.sigma = retained, q, sigma
        self.goal = fitted(retained, q, sigma)
        self._least = float(mean_nll(self.goal, retained, sigma))

    def reached(self, theta: VectorLike) -> Reached:
        """By weights ``theta``."""
        excess = float(mean_nll(theta, self.moments, self.sigma)) - self._least
        return Reached(excess, divergence(self.goal, theta, self.sigma))

    def product(self, theta: VectorLike, v: VectorLike) -> tuple[Vector, Vector]:
        """Gradient and ``H v`` of the retain loss at ``theta``."""
        _, g, Hv = hessian_vector_product(lambda p: mean_nll(p, self.moments, self.sigma), theta, v)
        return g, Hv

    def newton(self, theta: VectorLike) -> tuple[Vector, float]:
        """The step ``d`` from ``theta``, and the bound on what it leaves.

        Raises:
            NonFiniteError: the curvature there is not positive.
        """
        g, _ = self.product(theta, zeros_like(theta))
        b = without_rotation(theta, scale(g, -1.0))

        def H(v: VectorLike) -> Vector:
            return without_rotation(theta, self.product(theta, without_rotation(theta, v))[1])

        d = conjugate_gradients(H, b, damping=0.0, steps=STEPS, tolerance=TOLERANCE).x
        length, first = norm(d), self.product(theta, d)[1]
        M = 0.0
        for k in range(1, POINTS + 1):
            t = k / POINTS
            moved = self.product(add_scaled(theta, t, d), d)[1]
            M = max(M, norm(add_scaled(moved, -1.0, first)) / (t * max(length, 1e-300) ** 2))
        steepness = norm(add_scaled(first, 1.0, g)) + M * length**2 / 2
        return d, steepness**2 / (2 * least_curvature(self.moments, self.q, self.sigma))

    def best_gradient_step(self, theta: VectorLike) -> Vector:
        """Where the retain loss is least along its own gradient."""
        from scipy.optimize import minimize_scalar  # here: it takes a while, and other probes do without

        g, _ = self.product(theta, zeros_like(theta))
        d = scale(g, -1.0)
        curve = parabola(g, self.product(theta, d)[1], d)
        if curve.curvature <= 0:
            return dict(theta)
        longest = -4 * curve.slope / curve.curvature
        found = minimize_scalar(
            lambda t: float(mean_nll(add_scaled(theta, t, d), self.moments, self.sigma)), bounds=(0, longest),
            method="bounded", options={"xatol": 1e-6 * longest},
        )  # fmt: skip
        return add_scaled(theta, float(found.x), d)


def compare(whole: Moments, forgotten: Moments, q: int, sigma: float) -> Comparison:
    """Original, gradient step and Newton step, when ``forgotten`` of ``whole`` are to go."""
    theta, problem = fitted(whole, q, sigma), Problem(whole.without(forgotten), q, sigma)
    newton, bound = None, None
    try:
        d, bound = problem.newton(theta)
        newton = problem.reached(add_scaled(theta, 1.0, d))
    except NonFiniteError:
        pass
    return Comparison(
        forgotten.n,
        problem.reached(theta),
        problem.reached(problem.best_gradient_step(theta)),
        newton,
        bound,
        _cosine(theta, problem, forgotten),
    )


def _cosine(theta: VectorLike, problem: Problem, forgotten: Moments) -> float:
    g_r, _ = problem.product(theta, zeros_like(theta))
    _, g_f, _ = hessian_vector_product(lambda p: mean_nll(p, forgotten, problem.sigma), theta, zeros_like(theta))
    return dot(g_f, g_r) / max(norm(g_f) * norm(g_r), 1e-300)
