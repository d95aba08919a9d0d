"""Fisher surgery: one step that redirects, in the geometry of the retain set, as far as a budget allows.

    d = (F_r + lambda I)^-1 (-g),   theta = theta_0 + t d,

``g`` the gradient of the redirect loss, ``F_r`` the Kronecker-factored Fisher of the retain set in the weights that
drawing depends on, ``lambda`` in units of each layer's mean eigenvalue, ``t`` the largest step that raises the retain
-ELBO on training images by at most ``budget``. Of a few ``lambda`` the largest is taken whose step lowers the redirect
loss within 5 % as far as the best one's: equal by that measure, more damping keeps drawings cleaner. Where the step
would raise the retain loss to first order, the retain gradient is projected out in
the same geometry.

Of a convolutional decoder the Kronecker factors are a rough guide only, so there they precondition the exact problem,

    (G_f + mu G_r) d = -g,

``G_f`` and ``G_r`` the Gauss-Newton curvature of the redirect loss and of the retain loss, ``mu`` such that the step
costs the budget, solved in the subspace of a few conjugate gradients. docs/methods/fisher_surgery.md tells where each
part comes from and what it earns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import BLOCK, decoder_fisher, parameters
from gsu_cli.methods.base import Strength, Task, Update, add_, check_choice, check_whole, cosine, draw_images
from gsu_cli.methods.iterative import Cost
from gsu_cli.objectives.frozen_elbo import FrozenElbo
from gsu_cli.objectives.local import local
from gsu_cli.objectives.redirect import Redirect, decoder_prefix, redirect, retained_share
from gsu_cli.objectives.translate import translate
from gsu_cli.surgery.conflict import project_conflicts
from gsu_cli.surgery.gauss_newton import gauss_newton_product, krylov, output_curvature
from gsu_cli.surgery.kronecker import KroneckerFisher, KroneckerInverse
from gsu_cli.surgery.second_order import Parabola, parabola
from gsu_cli.surgery.steps import StepSearch, largest_step_within
from gsu_cli.surgery.streaming import LossGradient, accumulate_gradient, accumulate_product
from gsu_cli.surgery.vectors import Vector, VectorLike, add_scaled, dot, norm, scale

SOLVERS = ("auto", "kfac", "gauss_newton")
BISECTIONS = 3  # of the length between the quadratic model's minimum and the budget
FLOOR = 0.02  # curvature, in mean eigenvalues of the Fisher, that directions have which no retained image constrains
TARGETS = ("auto", "local", "nearest", "alike", "translate")
CHECK_IMAGES = 1000  # of each part, at most, for predicted and realised losses
HALVINGS = 12  # of a step that overshoots, before giving up
TIE = 0.05  # share of the best decrease of the redirect loss within which dampings count as equal


@dataclass(frozen=True)
class Candidate:
    """A direction, the step the budget allows, the one taken, and the redirect loss it reaches.

    ``mu`` is what a nat of the retain loss costs in nats of the redirect loss; None without a Gauss-Newton solve.
    """

    damping: float
    direction: Vector
    search: StepSearch
    step: float
    redirect_loss: float
    surviving: float
    mu: float | None = None


@dataclass(frozen=True)
class Ground:
    """What a direction is looked for on, at the present weights ``theta``.

    Attributes:
        model, goal, cost: whose drawings, the redirect loss, the retain loss.
        theta: the weights that drawing depends on.
        g: gradient of the redirect loss.
        g_r: gradient of the retain loss.
        fisher: of the retain set.
        limit: the largest retain loss allowed, nats per image.
        before: the redirect loss at ``theta``, nats per image.
    """

    model: Any
    goal: Redirect
    cost: FrozenElbo
    theta: Vector
    g: Vector
    g_r: LossGradient
    fisher: KroneckerFisher
    limit: float
    before: float

    def kfac(self, damping: float) -> Candidate:
        """The direction for one damping and the step that the budget allows along it."""
        geometry = self.fisher.inverse(damping, damping_scope="layer")
        projection = project_conflicts(scale(self.g, -1.0), [self.g_r.vector], geometry)
        return self._along(projection.direction, damping, projection.surviving)

    def gauss_newton(self, damping: float, iterations: int, images: int) -> Candidate:
        """The direction of the exact problem, preconditioned with one damping, and the step along it.

        Args:
            damping: of the preconditioner.
            iterations: of conjugate gradients.
            images: retained ones, at most, on which curvature is taken; of those to forget half as many.
        """
        geometry = self.fisher.inverse(damping, damping_scope="layer")
        b, surviving = self._descent(geometry)
        found = krylov(
            b,
            self._product(self.goal.latents[: max(images // 2, 1)]),
            self._product(self.cost.z[:images]),
            geometry.apply,
            budget=self.limit - self.g_r.loss,
            eps=FLOOR * self.fisher.mean_eigenvalue(),
            size=iterations,
        )
        mu = found.multiplier(self.limit - self.g_r.loss)
        d = found.direction(mu)
        return replace(self._along(d, damping, surviving, natural=norm(d)), mu=mu)

    def _descent(self, geometry: KroneckerInverse) -> tuple[Vector, float]:
        """``-g``, without what would raise the retain loss in the geometry; and the share of it that is left."""
        b = scale(self.g, -1.0)
        projection = project_conflicts(b, [self.g_r.vector], geometry)
        if projection.surviving < 1:
            P_g_r = geometry.apply(self.g_r.vector)
            b = add_scaled(b, -dot(P_g_r, b) / dot(P_g_r, self.g_r.vector), self.g_r.vector)
        return b, projection.surviving

    def _product(self, latents: Tensor) -> Callable[[VectorLike], Vector]:
        likelihood, decoder, prefix = self.model.likelihood, self.model.decoder, decoder_prefix(self.model)

        def drawn(theta: Vector, z: Tensor) -> Tensor:
            own = {k.removeprefix(prefix): v for k, v in theta.items()}
            output: Tensor = torch.func.functional_call(decoder, own, (z,))
            return output

        H = output_curvature(likelihood.nll, likelihood.mean)
        return lambda v: gauss_newton_product(drawn, latents.split(BLOCK // 2), H, self.theta, v)

    def _along(self, direction: Vector, damping: float, surviving: float, natural: float | None = None) -> Candidate:
        """The step along a direction: what the budget allows, or ``natural`` where that is shorter and lowers more."""
        length, loss = norm(direction), self.g_r.loss
        if length == 0:
            raise UsageError("the redirect gradient must not vanish", found="0", way_out="Nothing is left to redirect")
        d = scale(direction, 1 / length)
        expected = Parabola(dot(self.g_r.vector, d), dot(d, self.fisher.apply(d)))
        search = largest_step_within(
            lambda t: self.cost.mean(add_scaled(self.theta, t, d)) / loss - 1,
            self.limit / loss - 1,
            low=0.05,
            high=50.0,
            guess=expected.step_for(self.limit - loss),
            rel_tol=0.03,
        )
        step = search.step
        reached = self.goal.mean(self.model, add_scaled(self.theta, step, d))
        if natural is not None and natural < step:
            step, reached = self._lengthened(d, natural, step, reached)
        # a budget that a few forgotten samples cannot spend carries the step past the bottom of the redirect loss
        for _ in range(HALVINGS):
            if reached < self.before:
                break
            step /= 2
            reached = self.goal.mean(self.model, add_scaled(self.theta, step, d))
        return Candidate(damping, d, search, step, reached, surviving)

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
        at_minimum = self.goal.mean(self.model, add_scaled(self.theta, natural, d))
        limit = at_minimum + TIE * abs(self.before - at_minimum)
        if there <= limit:
            return longest, there
        step, reached = natural, at_minimum
        for _ in range(BISECTIONS):
            middle = math.sqrt(step * longest)
            found = self.goal.mean(self.model, add_scaled(self.theta, middle, d))
            if found <= limit:
                step, reached = middle, found
            else:
                longest = middle
        return step, reached


class FisherSurgery:
    """The default method.

    Args:
        budget: largest relative raise of the retain -ELBO on training images, 0.01 is 1 %; in (0, 1].
        shots: steps; after each the redirect gradient and the Fisher are taken anew and the next part of the budget
            is spent. One shot is the method; more is an option.
        damping: candidates for ``lambda``, in mean eigenvalues of each layer's Fisher.
        retain_images: at most, for statistics and targets.
        forget_images: at most, for the gradient.
        budget_images: at most, of those retained, on which the budget is measured.
        corrected: EK-FAC's eigenvalues, from a second pass over the statistics' images.
        target: what is drawn instead: "nearest", what is drawn at a near retained latent; "alike", at the retained
            latent that draws what is most alike; "translate", at the same latent moved to where the attribute is not;
            "local", the same with the attribute's place filled from what is most alike elsewhere (see
            `objectives.local`); "auto", local for attributes, else nearest.
        solver: "kfac", the direction in the geometry of the Kronecker factors, one per damping; "gauss_newton", the
            exact problem, preconditioned with the first damping; "auto", the latter for a decoder with convolutions.
        iterations: of conjugate gradients, for "gauss_newton".
        curvature_images: retained ones, at most, for its products, and half as many of those to forget.
    """

    name = "fisher_surgery"
    knob = Strength("budget", 1e-3, 0.1, is_budget=True)

    def __init__(
        self,
        budget: float = 0.01,
        shots: int = 1,
        damping: float | Sequence[float] = (0.1, 0.3, 1.0),
        retain_images: int = 4_000,
        forget_images: int = 3_000,
        budget_images: int = 3_000,
        corrected: bool = False,
        target: str = "auto",
        solver: str = "auto",
        iterations: int = 8,
        curvature_images: int = 1_000,
    ) -> None:
        if not (_number(budget) and 0 < budget <= 1):
            raise UsageError("`method.budget` must be a share in (0, 1], 0.01 being 1 %", found=budget)
        if not (isinstance(shots, int) and not isinstance(shots, bool) and shots >= 1):
            raise UsageError("`method.shots` must be an integer >= 1", found=shots)
        candidates = [damping] if isinstance(damping, int | float) else list(damping)
        if not candidates or not all(_number(c) and c > 0 for c in candidates):
            raise UsageError("`method.damping` must be one or more finite numbers > 0", found=damping)
        sizes = {"retain_images": retain_images, "forget_images": forget_images, "budget_images": budget_images}
        for key, value in sizes.items():
            if not (isinstance(value, int) and value >= 2):
                raise UsageError(f"`method.{key}` must be an integer >= 2", found=value)
        self.budget, self.shots, self.damping = float(budget), shots, [float(c) for c in candidates]
        check_choice("target", target, TARGETS)
        check_choice("solver", solver, SOLVERS)
        check_whole("iterations", iterations, 1)
        check_whole("curvature_images", curvature_images, 2)
        self.corrected, self.target, self.solver = bool(corrected), target, solver
        self.iterations, self.curvature_images = iterations, curvature_images
        self.retain_images, self.forget_images, self.budget_images = retain_images, forget_images, budget_images

    def __call__(self, task: Task) -> Update:
        model, split = task.model, task.split
        retain = draw_images(split, "retain", self.retain_images, seed=task.stream("retain"))
        forget = draw_images(split, "forget", self.forget_images, seed=task.stream("forget"))
        with task.stage("objective"):
            goal = self._goal(task, forget, retain)
            cost = FrozenElbo(model, _first(retain, self.budget_images), seed=task.stream("budget"))
            # predicted and realised changes rest on the same, fewer images: a Hessian-vector product costs four losses
            checks = {
                "retain": FrozenElbo(model, _first(retain, CHECK_IMAGES), seed=task.stream("check retain")),
                "forget": FrozenElbo(model, _first(forget, CHECK_IMAGES), seed=task.stream("check forget")),
            }
        names = list(model.generation_parameters())
        start = parameters(model, names)
        origin = {k: v.clone() for k, v in start.items()}
        base = cost.mean(origin)
        before = {part: loss.mean(origin) for part, loss in checks.items()}
        redirect_before = goal.mean(model, origin)
        update = Update(self.name, self.shots)
        log: list[dict[str, Any]] = []
        for shot in range(self.shots):
            budget = base * (1 + self.budget * (shot + 1) / self.shots)
            best = self._shot(task, goal, cost, retain, names, budget, log)
            if shot == 0:
                with task.stage("prediction"):
                    predictions = {part: _parabola(loss, origin, best.direction) for part, loss in checks.items()}
                update.cosine = cosine(predictions["retain"][0], predictions["forget"][0])
                update.surviving_share = best.surviving
                if self.shots == 1:
                    update.predicted = {k: p.change(best.step) for k, (_, p) in predictions.items()}
            add_(model, best.direction, best.step)
            task.on_progress(shot + 1, self.shots, cost.mean(parameters(model, names)))
        now = parameters(model, names)
        update.realised = {part: loss.mean(now) - before[part] for part, loss in checks.items()}
        update.details = {
            "budget": self.budget,
            "budget_spent": cost.mean(now) / base - 1,
            "redirect_loss": {"before": redirect_before, "after": goal.mean(model, now), "floor": goal.floor},
            "clean_targets": goal.clean,
            "target": {
                "kind": goal.kind,
                "retained": None if goal.kind == "nearest" else retained_share(model, goal.targets, forget, retain),
                "region": goal.region,
            },
            "images": {
                "retain": len(retain),
                "forget": len(forget),
                "budget": len(cost.x),
                "check": len(checks["forget"].x),
            },
            "shots": log,
            "solver": "gauss_newton" if self._solves(model) else "kfac",
            "cost": _counted(self, model, log, len(retain), len(forget), len(cost.x)).record(len(split.dataset.train)),
        }
        return update

    def _solves(self, model: Any) -> bool:
        """Whether the exact problem is solved."""
        convolutions = any(isinstance(m, nn.Conv2d) for m in model.decoder.modules())
        return self.solver == "gauss_newton" or (self.solver == "auto" and convolutions)

    def _goal(self, task: Task, forget: Images, retain: Images) -> Redirect:
        target = self.target
        if target == "auto":
            target = "nearest" if task.split.target_attribute is None else "local"
        seed = task.stream("redirect")
        if target == "local":
            return local(task.model, forget, retain, seed=seed)
        if target == "translate":
            return translate(task.model, forget, retain, seed=seed)
        return redirect(task.model, forget, retain, seed=seed, shortlist=None if target == "alike" else 30)

    def _shot(
        self,
        task: Task,
        goal: Redirect,
        cost: FrozenElbo,
        retain: Images,
        names: list[str],
        limit: float,
        log: list[dict[str, Any]],
    ) -> Candidate:
        """The best candidate at the present weights; ``limit`` is the largest retain loss, nats per image."""
        model = task.model
        theta = parameters(model, names)
        with task.stage("gradients"):
            g = accumulate_gradient(goal.blocks(model), theta).vector
            g_r = accumulate_gradient(cost.blocks(), theta)
        with task.stage("statistics"):
            fisher = decoder_fisher(
                model, retain, names, seed=task.stream("fisher", len(log)), corrected=self.corrected
            )
        with task.stage("step"):
            ground = Ground(model, goal, cost, theta, g, g_r, fisher, limit, goal.mean(model, theta))
            if self._solves(model):
                found = [ground.gauss_newton(self.damping[0], self.iterations, self.curvature_images)]
            else:
                found = [ground.kfac(c) for c in self.damping]
        best = choose(found, ground.before)
        if not best.redirect_loss < ground.before:
            raise UsageError(
                "a step must lower the redirect loss",
                found=f"{ground.before:.4f} before and {best.redirect_loss:.4f} after the best of {len(found)}",
                way_out="Raise method.budget, or forget more images at once",
            )
        log += [
            {
                "damping": c.damping,
                "mu": c.mu,
                "chosen": c is best,
                "step": c.step,
                "step_within_budget": c.search.step,
                "redirect_loss": c.redirect_loss,
                "raise": c.search.rise,
                "evaluations": len(c.search.evaluations),
            }
            for c in found
        ]
        return best


def choose(found: Sequence[Candidate], before: float) -> Candidate:
    """The candidate with the largest damping among those that lower the redirect loss nearly as far as the best."""
    most = max(before - c.redirect_loss for c in found)
    return max((c for c in found if before - c.redirect_loss >= most - TIE * abs(most)), key=lambda c: c.damping)


def _parabola(loss: FrozenElbo, theta: Vector, d: Vector) -> tuple[Vector, Parabola]:
    g, Hd = accumulate_product(loss.blocks(), theta, d)
    return g.vector, parabola(g.vector, Hd, d)


def _counted(
    method: FisherSurgery, model: Any, log: list[dict[str, Any]], retain: int, forget: int, budget: int
) -> Cost:
    """Images by kind of work; passes through the decoder alone count as whole ones."""
    most = method.curvature_images
    products = min(most, budget) + min(max(most // 2, 1), forget) if method._solves(model) else 0
    return Cost(
        double_backward=method.shots * method.iterations * products,  # a Gauss-Newton product costs as much
        gradients=method.shots * (forget + budget),
        fisher=method.shots * retain * (2 if method.corrected else 1),
        generated=retain + forget,  # drawings among which targets are chosen
        forward=retain + forget + budget * sum(c["evaluations"] for c in log) + forget * (len(log) + method.shots),
    )


def _first(images: Images, n: int) -> Images:
    return images[torch.arange(min(n, len(images)))]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
