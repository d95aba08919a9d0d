"""Fisher surgery of a decoder: redirected at latents, by one of three solvers, as far as a budget allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.models.model import copied
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.posteriors import encoder_at_rest, posterior_codes
from gsu_cli.objectives.redirect import Redirect
from gsu_cli.solvers.at_start import AtStart, fisher_of, goal_of
from gsu_cli.solvers.bookkeeping import counted, foresee, noted
from gsu_cli.solvers.candidates import Candidate, choose
from gsu_cli.solvers.chosen import CHOSEN, chosen_solver, directions
from gsu_cli.solvers.encoder_follows import Stepped, followed
from gsu_cli.solvers.finish import LOOSE, SPARED, finished, first_part, first_sites
from gsu_cli.solvers.fisher_solver import FisherSolver, candidates
from gsu_cli.solvers.levels import level_of
from gsu_cli.solvers.own_choice import choose_by_share
from gsu_cli.solvers.own_drift import OwnDrift
from gsu_cli.solvers.own_share import SAMPLES, OwnShare
from gsu_cli.solvers.pilot import Pilot
from gsu_cli.solvers.refits import anew, refitted, shared_moments
from gsu_cli.solvers.second_look import SecondLook
from gsu_cli.solvers.spared import spared_by, stay_images
from gsu_cli.solvers.step_problem import TOLERANCE, Bound, StepProblem, relative_increase
from gsu_cli.solvers.unseen import kind_of, unbounded
from gsu_cli.solvers.where_retained import asked, where_retained
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.images import first, redirect_images, with_others
from gsu_cli.unlearning.weights import add_

CANDIDATE_IMAGES = 400  # for curvature, at most, where the exact problem is one candidate of several
REFIT_LATENTS = 3  # of each retained image, for a refit: it would spare the budget's own ones more than the rest
REFIT_BUDGET_LATENTS = 2  # of each image of the budget: near an attribute one says little
CHECK_IMAGES, CHECK_VALUES = 1000, 3_100_000  # of each part, at most, for predicted and realised losses: 252 faces


@dataclass(frozen=True)
class LatentSurgery:
    """The steps of one run; options as those of `FisherSurgery`, sizes as numbers."""

    budget: float
    shots: int
    damping: Sequence[float]
    ekfac: bool
    retain_images: int
    forget_images: int
    budget_images: int
    target: str
    solver: str
    iterations: int
    curvature_images: int
    layers: int
    bound: str
    pilot_images: int
    drift_budget: float | None = None
    finish: float | None = None
    encoder: str = "kept"
    statistics: int | None = None  # retained images in the Fisher, at most
    expects: bool = False  # whether targets are expectations where retained images lie at the forgotten latents
    there: dict[str, float] | None = None  # what lies at the forgotten latents

    @property
    def _follows(self) -> bool:
        return self.encoder == "follows"

    def __call__(self, task: Task) -> Update:
        original = copied(task.model) if self._follows else None
        with encoder_at_rest():  # a step moves what generates
            step = self._steps(task)
        if original is None:
            return step.update
        with task.stage("encoder"):
            return followed(task, original, step)

    def _steps(self, task: Task) -> Stepped:
        retain, forget = redirect_images(task, self.retain_images, self.forget_images)
        instead = where_retained(task, forget, retain) if self.expects else {}
        return replace(self, **instead)._of(task, forget, retain)

    def _of(self, task: Task, forget: Images, retain: Images) -> Stepped:
        model, split = task.model, task.split
        with task.stage("objective"):
            solver = chosen_solver(model, split, self.solver, self.layers)
            ways = directions(model, split, solver, self.layers)
            times = REFIT_BUDGET_LATENTS if "least_squares" in ways else 1
            others = self.finish is not None or self._follows
            trial = first(retain, with_others(task, self.budget_images) if others else self.budget_images)
            goal = goal_of(task, self.target, forget, asked(self.target, retain, len(trial)))
            cost = frozen_elbo(model, trial, seed=task.stream("budget"), latents=times)
            # predicted and realised changes rest on the same, fewer images: a Hessian-vector product costs four losses
            n = min(CHECK_IMAGES, max(CHECK_VALUES // math.prod(split.dataset.shape), 100)) // (1 + self._follows)
            seed = task.stream("check forget")
            checks = {"retain": frozen_elbo(model, first(retain, n), seed=task.stream("check retain"))}
            checks["forget"] = frozen_elbo(model, first(forget, n), seed=seed, what="the forget loss")
        loss = goal.loss(model)
        if "least_squares" in ways and 0 < self._pilot_sites < len(cost):
            cost, loss = cost.folding(), loss.folding()
        names = list(model.generation_parameters())
        origin = {k: v.clone() for k, v in parameters(model, names).items()}
        known = AtStart.of(task, self, shares="least_squares" in ways)
        losses = known("budget", lambda: cost.losses(origin))
        paid = base = float(wide(losses).mean())
        before = known("checks", lambda: {part: loss.mean(origin) for part, loss in checks.items()})
        at_targets = goal.start if loss.folds else None  # but for rounding the same
        apart = known("redirect", lambda: loss.losses(origin), len(loss)) if at_targets is None else at_targets
        reached = redirect_before = float(wide(apart).mean())
        update = Update("fisher_surgery", self.shots)
        log: list[dict[str, Any]] = []
        fisher, share = None, None
        if solver == CHOSEN:
            with task.stage("own samples"):
                share = OwnShare.of(task, forget, retain)
        drift = None
        if self.drift_budget is not None:
            with task.stage("own samples"):
                drift = OwnDrift.of(task, self.drift_budget, forget, retain)
        once = ways == ("kfac",) and self.shots == 1 and self.finish is not None  # elsewhere nothing asks it
        second = SecondLook.of(task, goal.eye, self.solver) if once else None
        kind = None if "least_squares" in ways else kind_of(self.bound, split)
        if kind is not None:
            fisher = self._fisher(task, retain, names, 0)
        level = None
        if kind is not None and fisher is not None:
            with task.stage("bound"):
                level = level_of(task, kind, forget, fisher, ends=self.bound == kind)
        for shot in range(self.shots):
            budget = base * (1 + math.copysign(self.budget, base) * (shot + 1) / self.shots)  # a -ELBO may be negative
            done = (shot + 1) / self.shots
            bounds = [Bound(level.loss, level.limit(done))] if level is not None and level.ends else []
            bounds += [Bound(drift, drift.limit(done))] if drift is not None else []
            theta, each = parameters(model, names), apart if shot == 0 else None
            problem = StepProblem(model, loss, cost, theta, paid, budget, reached, tuple(bounds), each)
            best = self._shot(task, ways, goal, problem, losses, retain, forget, log, fisher, share, second)
            fisher = None  # of the weights before this shot
            if shot == 0:
                with task.stage("prediction"):
                    foresee(update, checks, origin, best, self.shots, follows=self._follows)
            add_(model, best.direction, best.step)
            now = parameters(model, names)
            measured = best.losses is not None  # then the search ended at these very weights
            losses = cost.losses(now) if best.losses is None else best.losses
            spent, paid = paid, float(wide(losses).mean())
            reached = best.redirect_loss if measured else loss.mean(now)
            next(c for c in reversed(log) if c["chosen"])["realised_increase"] = relative_increase(paid, spent)
            task.on_progress(shot + 1, self.shots, paid)
        if not self._follows:  # else they will be of another encoder
            update.realised = {part: loss.mean(now) - before[part] for part, loss in checks.items()}
        drifted = None if drift is None else drift.facts(now)
        images = sum(own.images for own in (share, drift) if own is not None) + goal.made(len(retain))
        images += 0 if second is None else second.share.looks * SAMPLES
        seen = len(checks["forget"])
        told_there = {} if self.there is None else {"retained_there": self.there}
        update.details = {
            "budget": self.budget,
            "budget_spent": relative_increase(paid, base),
            "redirect_loss": {"before": redirect_before, "after": reached, "floor": goal.floor},
            "clean_targets": goal.clean_fraction,
            "target": goal.facts(model, forget, retain) | told_there,
            "images": {"retain": len(retain), "forget": len(forget), "budget": len(trial), "check": seen},
            "shots": log,
            "solver": solver,
            "cost": counted(
                self,
                (*ways, "ascent") if second is not None and second.tried else ways,
                log,
                retain=len(retain),
                forget=len(forget),
                budget=len(cost),
                curvature=self._curvature_images(ways),
                generated=images,
                at_targets=0 if at_targets is None else len(at_targets),
                level=level.images if level is not None and (level.ends or self._follows) else 0,  # else a note
                measured=None if self.statistics is None else min(len(retain), self.statistics),
                spared=None if self.finish is None else min(len(cost), SPARED),
            ).record(len(split.dataset.train)),
        }
        if self.finish is not None:
            update.details["finish"] = {"share": self.finish, "taken": sum(bool(c.get("begins")) for c in log)}
            if second is not None and second.taken:
                update.details["finish"]["taken"] = 0
                update.details["solver"] = "ascent"
        if share is not None:
            update.details["own_samples"] = share.facts(log[-1]["share"])
        if second is not None and second.asked:
            update.details["own_samples"] = second.facts()
        if drifted is not None:
            update.details["own_drift"] = drifted
        refit = "a refit of one layer reads none" if "least_squares" in ways else ""
        update.details |= unbounded(self.bound, split, refit)
        if level is not None:
            update.details["class_level" if level.kind == "class_level" else "sample_bound"] = level.facts(now)
        return Stepped(update, loss, retain, forget, trial, times, n, base, before)

    def _fisher(self, task: Task, retain: Images, names: list[str], step: int) -> KroneckerFisher:
        some = retain if self.statistics is None else first(retain, self.statistics)
        return fisher_of(task, some, names, step, ekfac=self.ekfac)

    @property
    def _pilot_sites(self) -> int:
        return REFIT_BUDGET_LATENTS * self.pilot_images

    def _curvature_images(self, ways: Sequence[str]) -> int:
        """Retained images for products with the curvature, at most."""
        return min(self.curvature_images, CANDIDATE_IMAGES) if len(ways) > 1 else self.curvature_images

    def _shot(
        self,
        task: Task,
        ways: Sequence[str],
        goal: Redirect,
        problem: StepProblem,
        losses: Tensor,
        retain: Images,
        forget: Images,
        log: list[dict[str, Any]],
        fisher: KroneckerFisher | None,
        share: OwnShare | None,
        second: SecondLook | None,
    ) -> Candidate:
        """The best candidate at the present weights, where the retain loss of each site is ``losses``."""
        theta, to = problem.theta, goal.target_latents
        if "least_squares" in ways:
            with task.stage("step"):
                seed = task.stream("refit", len(log))
                stay = posterior_codes(task.model, retain, REFIT_LATENTS, seed=seed)
                sites = self._pilot_sites
                pilot = Pilot(problem.cost, losses, sites) if 0 < sites < len(losses) else None
                every = share is not None
                options = {"target": self.target, "retain": self.retain_images, "forget": self.forget_images}
                options["layers"] = self.layers
                known = anew if log else partial(shared_moments, task, options)  # later ones are of other weights
                found = refitted(problem, self.layers, to, stay, pilot, all_measured=every, known=known)
        else:
            with task.stage("gradients"):
                retain, spared = spared_by(task, retain, problem.cost, len(log))
                g = accumulate_gradient(problem.goal.blocks(), theta).vector
                g_r = accumulate_gradient(first_sites(spared, self.finish).blocks(), theta)
            fisher = fisher or self._fisher(task, retain, list(theta), len(log))
            with task.stage("step"):
                begin, near = (problem, TOLERANCE) if self.finish is None else (first_part(problem, self.finish), LOOSE)
                influence = FisherSolver(begin, g, g_r, fisher, near, spared)
                n, ascend = self._curvature_images(ways), partial(self._ascending, task, forget, theta)
                ways_of = partial(candidates, ways=ways, damping=self.damping, size=(self.iterations, n), ascend=ascend)
                found = ways_of(influence)
        if share is not None:
            with task.stage("own samples"):
                looked = choose_by_share(found, problem, share)
            log += [noted(c, c is looked[-1]) for c in looked]
            return looked[-1]
        best = choose([c for c in found if not c.estimated], problem.before)
        if not best.redirect_loss < problem.before:
            raise UsageError(
                "a step must lower the redirect loss",
                found=f"{problem.before:.4f} before and {best.redirect_loss:.4f} after the best of {len(found)}",
                way_out="Raise method.budget, or forget more images at once",
            )
        if self.finish is not None:
            with task.stage("step"):
                others = stay_images(task, retain, len(problem.cost), len(log))
                seed = task.stream("last layer", len(log))
                whole, passed = finished(problem, best, to, others, seed=seed)
                begun = [noted(c, chosen=False) | {"begins": whole is not None and c is best} for c in found]
                if whole is not None:
                    log += begun
                    if second is not None:
                        exact = replace(influence, problem=problem, tolerance=TOLERANCE)
                        other = second.ascent(whole, exact, partial(self._ascending, task, forget, theta))
                        if other is not None:
                            tried = [(whole, other), (other, whole)][second.taken]
                            log += [noted(tried[1], chosen=False), noted(tried[0], chosen=True)]
                            return tried[0]
                    log.append(noted(whole, chosen=True))
                    return whole
                begun[-1]["images"] += passed  # by a refit that was of no use
                log += begun
                found = ways_of(replace(influence, problem=problem, tolerance=TOLERANCE))
                again = choose(found, problem.before)
                found, best = (found, again) if again.redirect_loss <= best.redirect_loss else ([*found, best], best)
        log += [noted(c, c is best) for c in found]
        return best

    def _ascending(self, task: Task, forget: Images, theta: Vector) -> Vector:
        """The gradient of the forget loss."""
        risen = frozen_elbo(task.model, forget, seed=task.stream("ascent"), what="the forget loss")
        return accumulate_gradient(risen.blocks(), theta).vector
