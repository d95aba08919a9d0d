"""Fisher surgery of a denoiser: the same step as of a decoder, at noised images instead of latents.

    d = (F_r + lambda I)^-1 (-g),   theta = theta_0 + t d,

``g`` the gradient of the redirect loss of `objectives.denoise`, ``F_r`` the Kronecker-factored Fisher of the squared
error on retained images. ``t`` is the largest step that raises the training loss of retained images, at fixed times and
noise, by at most the budget, or the shortest that lowers the redirect loss nine tenths as far as any on the way does.
Of single images and fractions it ends where their loss has risen by what leaving them out of training would raise it
by (`leverage`). docs/methods/fisher_surgery.md has the method, docs/diffusion.md what it earns here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.objectives.denoise import FEW, Bank, noised_sites, redirected
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.solvers.bookkeeping import NEAR, foresee, noted
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.fisher_solver import FisherSolver
from gsu_cli.solvers.leverage import LEVELS, sample_level
from gsu_cli.solvers.step_problem import Bound, StepProblem, relative_increase
from gsu_cli.solvers.unseen import kind_of, unbounded
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.streaming import LossGradient, accumulate_gradient
from gsu_cli.surgery.vectors import Vector, dot
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import first, other_retained, others_left, redirect_images
from gsu_cli.unlearning.weights import add_

ENOUGH = 0.9  # of the most that the redirect loss falls along the step
BISECTIONS = 3  # of the step
DOUBT = 0.02  # of the decrease: where a parabola foresees as much more or less than `ENOUGH`, a length is measured
LEFT = 0.15  # share of the budget that the longest step may leave unspent: it is shortened anyway
CHECK_IMAGES = 64  # of each part, at most, for predicted and realised losses


@dataclass(frozen=True)
class DenoiserSurgery:
    """The steps of one run; options as those of `FisherSurgery`.

    Attributes:
        budget, shots, ekfac: as there.
        damping: ``lambda``, in mean eigenvalues of each layer's Fisher.
        retain_images, forget_images, budget_images: at most, for the Fisher, the gradient and the budget.
        bank_images: training images, at most, among which the targets are means.
        noise_from: share of the noise levels that the redirect loss leaves out, from the least noise on.
        bound: of the loss of the forgotten images, as of `unseen.kind_of`.
    """

    budget: float
    shots: int
    damping: float
    ekfac: bool
    retain_images: int
    forget_images: int
    budget_images: int
    bank_images: int
    noise_from: float
    bound: str = "auto"

    def __call__(self, task: Task) -> Update:
        model, split = task.model, task.split
        names = list(model.generation_parameters())
        retain, forget = redirect_images(task, max(self.retain_images, self.budget_images), self.forget_images)
        gone = forget
        with task.stage("objective"):
            forget = forget[torch.arange(max(len(forget), FEW)) % len(forget)]  # each few at many levels of noise
            bank = Bank.of(split, self.bank_images, seed=task.stream("bank"))
            start = round(self.noise_from * int(model.train_steps))
            found = task.shared.once(
                "redirected",
                lambda: redirected(model, forget, bank, seed=task.stream("redirect"), start=start),
                forget=len(forget),
                bank=self.bank_images,
                start=start,
            )
            trial = first(retain, self.budget_images)
            cost = SiteLoss(model, noised_sites(model, trial, seed=task.stream("budget")))
            checks = {
                part: SiteLoss(
                    model,
                    noised_sites(model, first(images, CHECK_IMAGES), seed=task.stream(f"check {part}")),
                    f"the {part} loss",
                )
                for part, images in (("retain", retain), ("forget", forget))
            }
        origin = {k: v.clone() for k, v in parameters(model, names).items()}
        goal = SiteLoss(model, found.sites, "the redirect loss")
        before = {part: loss.mean(origin) for part, loss in checks.items()}
        update, log = Update("fisher_surgery", self.shots), list[dict[str, Any]]()
        statistics = first(retain, self.retain_images)
        fisher, level = None, None
        if kind_of(self.bound, split) == "leverage":
            fisher = self._fisher(task, statistics, names, 0)
            with task.stage("bound"):
                n, some, seed = task.trained_on or len(split.dataset.train), first(gone, LEVELS), task.stream("bound")
                level = sample_level(model, some, fisher, trained_on=n, seed=seed, copies=split.copies)
        base, redirect_before = math.nan, math.nan
        for shot in range(self.shots):
            theta = parameters(model, names)
            with task.stage("gradients"):
                kept, spared = self._spared(task, statistics, cost, shot)
                g, g_r = (accumulate_gradient(loss.blocks(), theta) for loss in (goal, spared))
                paid = g_r.loss if spared is cost else cost.mean(theta)
            if shot == 0:
                base, redirect_before = paid, g.loss
            limit = base * (1 + self.budget * (shot + 1) / self.shots)
            bounds = () if level is None else (Bound(level.loss, level.limit((shot + 1) / self.shots)),)
            problem = StepProblem(model, goal, cost, theta, paid, limit, g.loss, bounds)
            best, increase = self._shot(task, problem, g.vector, g_r, kept, log, fisher)
            fisher = None  # of the weights before this shot
            if shot == 0:
                with task.stage("prediction"):
                    foresee(update, checks, origin, best, self.shots, near=NEAR)
            add_(model, best.direction, best.step)
            paid, redirect = problem.loss + increase * abs(problem.loss), best.redirect_loss
            task.on_progress(shot + 1, self.shots, paid)
        now = parameters(model, names)
        update.realised = {part: loss.mean(now) - before[part] for part, loss in checks.items()}
        n_f, n_r, n_b, n_l = len(forget), len(statistics), len(trial), 0 if level is None else LEVELS
        evaluations, looks = (sum(c[key] for c in log) for key in ("evaluations", "lengths"))
        update.details = {
            "budget": self.budget,
            "budget_spent": relative_increase(paid, base),
            "redirect_loss": {"before": redirect_before, "after": redirect},
            "target": {"kind": "bank", "forgotten": found.forgotten, "clamped": found.clamped},
            "images": {"retain": n_r, "forget": n_f, "budget": n_b, "bank": len(bank.images)},
            "shots": log,
            "solver": "kfac",
            "cost": Cost(
                gradients=self.shots * (n_f + n_b) + n_l,
                fisher=self.shots * n_r * (2 if self.ekfac else 1),
                forward=n_f * (1 + self.shots + looks) + n_b * (self.shots + evaluations) + 2 * n_l,
            ).record(len(split.dataset.train)),
            **unbounded(self.bound, split),
        }
        if level is not None:
            update.details["sample_bound"] = level.facts(now)
        return update

    def _spared(self, task: Task, statistics: Images, cost: SiteLoss, shot: int) -> tuple[Images, SiteLoss]:
        """Whose Fisher and whose gradient a step spares: later others than the budget's (as in `latent`)."""
        used = max(len(statistics), len(cost))
        if shot == 0 or not others_left(task, used):
            return statistics, cost
        others = other_retained(task, used, used, shot)
        sites = noised_sites(task.model, first(others, len(cost)), seed=task.stream("spared", shot))
        return first(others, len(statistics)), SiteLoss(task.model, sites)

    def _fisher(self, task: Task, retain: Images, names: list[str], shot: int) -> KroneckerFisher:
        counts = Cost()

        def factors() -> KroneckerFisher:
            counts.fisher = len(retain) * (2 if self.ekfac else 1)
            with task.stage("statistics"):
                return kronecker_fisher(task.model, retain, names, seed=task.stream("fisher", shot), ekfac=self.ekfac)

        return factors() if shot else task.shared.once("fisher", factors, counts, retain=len(retain), ekfac=self.ekfac)

    def _shot(
        self,
        task: Task,
        problem: StepProblem,
        g: Vector,
        g_r: LossGradient,
        retain: Images,
        log: list[dict[str, Any]],
        fisher: KroneckerFisher | None,
    ) -> tuple[Candidate, float]:
        """The best candidate at the weights of ``problem``, and what it raises the retain loss by."""
        fisher = fisher or self._fisher(task, retain, list(problem.theta), len(log))
        with task.stage("step"):
            influence = FisherSolver(problem, g, g_r, fisher, LEFT, rough=True)
            longest = influence.kfac(self.damping)
            best, increase, looks = shortened(problem, longest, dot(g, longest.direction))
        if not best.redirect_loss < problem.before:
            raise UsageError(
                "a step must lower the redirect loss",
                found=f"{problem.before:.4g} before and {best.redirect_loss:.4g} after",
                way_out="Raise method.budget, or forget more images at once",
            )
        log.append({**noted(best, chosen=True), "realised_increase": increase, "lengths": looks})
        return best, increase


def shortened(problem: StepProblem, longest: Candidate, slope: float = math.nan) -> tuple[Candidate, float, int]:
    """The shortest step that lowers the redirect loss `ENOUGH` as far as any that was measured within the budget.

    What is left of the budget buys little forgetting there, and other images pay for it: ones need a sixth of 1 %.
    It is known to an eighth of the longest. Along the step the redirect loss is nearly a parabola, which says where
    to look first.

    Args:
        problem: with the redirect loss.
        longest: the step within the budget.
        slope: of the redirect loss along its direction, at length 0; nan: not known.

    Returns:
        The step, what it raises the retain loss by, relative, and at how many lengths the redirect loss was measured.
    """
    gained = problem.before - longest.redirect_loss
    best, looks = _shortest(problem, longest, slope) if gained > 0 else (longest, 0)
    increase = problem.relative_increase(problem.at(best.direction, best.step))
    if best is longest or increase <= problem.allowed:
        return best, increase, looks
    # where the retain loss is no bowl, a shorter step than the one that was measured may cost more
    return longest, problem.relative_increase(problem.at(longest.direction, longest.step)), looks


def _shortest(problem: StepProblem, longest: Candidate, slope: float) -> tuple[Candidate, int]:
    """It, and the looks that took: at the length that a parabola foresees, then at its neighbour, then by bisection.

    What is taken was measured. A shorter length that was not is one that the parabola leaves short of enough by more
    than `DOUBT`, and by more than three times what it was wrong by where it was measured.
    """
    gained, end, parts = problem.before - longest.redirect_loss, longest.step, 2**BISECTIONS
    lengths = dict.fromkeys(range(parts + 1), 0.0) | {parts: end}
    for half in (parts >> i for i in range(1, BISECTIONS + 1)):
        lengths |= {k: (lengths[k - half] + lengths[k + half]) / 2 for k in range(half, parts, 2 * half)}
    c = gained + slope * end  # of the parabola through both ends, with the slope
    foreseen = {k: (-slope * t + c * (t / end) ** 2) / gained for k, t in lengths.items()}
    losses, doubt, low, high = dict[int, float](), DOUBT, 0, parts
    most = max(1.0, *foreseen.values())
    k = next((k for k in range(1, parts) if not foreseen[k] < ENOUGH * most), parts - 1)
    most = 1.0  # as measured: at the end, then wherever it is more
    while high - low > 1:
        share = foreseen[k]
        if not losses or not ENOUGH * most - share > doubt:
            losses[k] = problem.reached(problem.at(longest.direction, lengths[k]))
            share = (problem.before - losses[k]) / gained
            doubt, most = max(doubt, 3 * abs(share - foreseen[k])), max(most, share)
        low, high = (low, k) if share >= ENOUGH * most else (k, high)
        k = (low + high) // 2 if len(losses) > 1 else high - 1 if high == k else low + 1
    best = longest if high == parts else replace(longest, step=lengths[high], redirect_loss=losses[high])
    return best, len(losses)
