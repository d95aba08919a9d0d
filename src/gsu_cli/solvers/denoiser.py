"""Fisher surgery of a denoiser: the same step as of a decoder, at noised images instead of latents.

    d = (F_r + lambda I)^-1 (-g),   theta = theta_0 + t d,

``g`` the gradient of the redirect loss of `objectives.denoise`, ``F_r`` the Kronecker-factored Fisher of the squared
error on retained images. ``t`` is the largest step that raises the training loss of retained images, at fixed times and
noise, by at most the budget, or the shortest that lowers the redirect loss 95 % as far as any on the way does.
Of single images and fractions it ends where their loss has risen by what leaving them out of training would raise it
by (`leverage`). docs/methods/fisher_surgery.md has the method, docs/diffusion.md what it earns here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.objectives.denoise import noised_sites
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.solvers.bookkeeping import NEAR, foresee, noted
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.denoiser_losses import DenoiserLosses
from gsu_cli.solvers.denoiser_options import DenoiserOptions
from gsu_cli.solvers.fisher_solver import FisherSolver, vanished
from gsu_cli.solvers.leverage import LEVELS, sample_level
from gsu_cli.solvers.shortest_step import shortest_step
from gsu_cli.solvers.step_problem import Bound, StepProblem, relative_increase
from gsu_cli.solvers.unseen import UnseenLevel, kind_of, unbounded
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.streaming import LossGradient, accumulate_gradient
from gsu_cli.surgery.vectors import norm
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import first, other_retained, others_left, redirect_images
from gsu_cli.unlearning.weights import add_


@dataclass(frozen=True)
class DenoiserSurgery(DenoiserOptions):
    """The steps of one run."""

    def __call__(self, task: Task) -> Update:
        model, split = task.model, task.split
        retain, forget = redirect_images(task, max(self.retain_images, self.budget_images), self.forget_images)
        losses, statistics = DenoiserLosses.of(task, self, forget, retain), first(retain, self.retain_images)
        goal, cost, names = losses.goal, losses.cost, list(losses.origin)
        update, log = Update("fisher_surgery", self.shots), list[dict[str, Any]]()
        fisher, level = None, None
        if kind_of(self.bound, split) == "leverage":
            fisher = self._fisher(task, statistics, names, 0)
            with task.stage("bound"):
                n, some, seed = task.trained_on or len(split.dataset.train), first(forget, LEVELS), task.stream("bound")
                level = sample_level(model, some, fisher, trained_on=n, seed=seed, copies=split.copies)
        base, redirect_before, seen, spent = math.nan, math.nan, list[int](), Cost()
        for shot in range(self.shots):
            theta = parameters(model, names)
            with task.stage("gradients"):
                kept, spared = self._spared(task, statistics, cost, shot)
                g, g_r = (accumulate_gradient(loss.blocks(), theta) for loss in (goal, spared))
                paid = g_r.loss if spared is cost else cost.mean(theta)
            again = 0 if spared is cost else len(cost)
            fishers = len(kept) * (2 if self.ekfac else 1)
            spent.add(Cost(gradients=losses.forget + len(spared), fisher=fishers, forward=again))
            if shot == 0:
                base, redirect_before = paid, g.loss
            limit = base * (1 + self.budget * (shot + 1) / self.shots)
            bounds = () if level is None else (Bound(level.loss, level.limit((shot + 1) / self.shots)),)
            problem = StepProblem(model, goal, cost, theta, paid, limit, g.loss, bounds, looks=seen)
            best, increase = self._shot(task, problem, (g, g_r), kept, log=log, fisher=fisher)
            fisher = None  # of the weights before this shot
            if shot == 0:
                with task.stage("prediction"):
                    foresee(update, losses.checks, losses.origin, best, self.shots, near=NEAR)
            add_(model, best.direction, best.step)
            paid, redirect = problem.loss + increase * abs(problem.loss), best.redirect_loss
            task.on_progress(shot + 1, self.shots, paid)
        spent.forward += sum(seen)
        now = parameters(model, names)
        update.realised = losses.realised(now)
        update.details = {
            "budget": self.budget,
            "budget_spent": relative_increase(paid, base),
            "redirect_loss": {"before": redirect_before, "after": redirect},
            **self._facts(task, losses, len(statistics), log=log, level=level, spent=spent),
        }
        if level is not None:
            update.details["sample_bound"] = level.facts(now)
        return update

    def _facts(
        self,
        task: Task,
        losses: DenoiserLosses,
        retain: int,
        *,
        log: list[dict[str, Any]],
        level: UnseenLevel | None,
        spent: Cost,
    ) -> dict[str, Any]:
        """For the record: on what the steps rest, and what they took.

        ``retain`` images are in the Fisher of the first step; ``spent`` is what the log does not count.
        """
        split, found, bank = task.split, losses.redirection, len(losses.bank.images)
        n_f, n_b = losses.forget, losses.budget
        evaluations, looks = (sum(c[key] for c in log) for key in ("evaluations", "lengths"))
        spent.forward += n_f * (1 + looks) + n_b * evaluations
        spent.add(Cost() if level is None else level.cost)
        return {
            "target": {"kind": "bank", "forgotten": found.forgotten, "clamped": found.clamped},
            "images": {"retain": retain, "forget": n_f, "budget": n_b, "bank": bank},
            "shots": log,
            "solver": "kfac",
            "cost": spent.record(len(split.dataset.train)),
            **unbounded(self.bound, split),
        }

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
        gradients: tuple[LossGradient, LossGradient],
        retain: Images,
        *,
        log: list[dict[str, Any]],
        fisher: KroneckerFisher | None,
    ) -> tuple[Candidate, float]:
        """The best candidate at the weights of ``problem``, and what it raises the retain loss by.

        Args:
            task: of the run.
            problem: of this shot.
            gradients: of the redirect loss and of the retain loss that is spared, there.
            retain: images for the Fisher, where none is given.
            log: gets the candidate.
            fisher: of the weights there, where it is known.
        """
        g, g_r = gradients[0].vector, gradients[1]
        fisher = fisher or self._fisher(task, retain, list(problem.theta), len(log))
        with task.stage("step"):
            projection = FisherSolver(problem, g, g_r, fisher).projected(self.damping)
            if norm(projection.direction) == 0:
                raise vanished()
            best, increase, looks = shortest_step(problem, projection.direction, g)
            best = replace(best, damping=self.damping, surviving=projection.surviving, solver="kfac")
        if not best.redirect_loss < problem.before:
            raise UsageError(
                "a step must lower the redirect loss",
                found=f"{problem.before:.4g} before and {best.redirect_loss:.4g} after",
                way_out="Raise method.budget, or forget more images at once",
            )
        log.append({**noted(best, chosen=True), "realised_increase": increase, "lengths": looks})
        return best, increase
