"""Fisher surgery of a decoder: redirected at latents, by one of three solvers, as far as a budget allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.gradients import parameters
from gsu_cli.models.model import copied
from gsu_cli.objectives.posteriors import encoder_at_rest
from gsu_cli.solvers.bookkeeping import NEAR, counted, foresee
from gsu_cli.solvers.encoder_follows import Stepped, followed
from gsu_cli.solvers.finish import SPARED
from gsu_cli.solvers.latent_losses import LatentLosses
from gsu_cli.solvers.latent_options import LatentOptions
from gsu_cli.solvers.latent_steps import LatentSteps
from gsu_cli.solvers.monitors import Monitors
from gsu_cli.solvers.solver_choice import chosen_solver, directions
from gsu_cli.solvers.step_problem import StepProblem, relative_increase
from gsu_cli.solvers.where_retained import where_retained
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import redirect_images
from gsu_cli.unlearning.weights import add_


@dataclass(frozen=True)
class LatentSurgery(LatentOptions):
    """The steps of one run."""

    def __call__(self, task: Task) -> Update:
        original = copied(task.model) if self.follows else None
        with encoder_at_rest():  # a step moves what generates
            retain, forget = redirect_images(task, self.retain_images, self.forget_images)
            budget, others = self.budget_images, self.follows  # where nothing is finished
            instead = where_retained(task, forget, retain, budget, others=others) if self.expects else {}
            step = replace(self, **instead)._steps(task, forget, retain)
        if original is None:
            return step.update
        with task.stage("encoder"):
            return followed(task, original, step)

    def _steps(self, task: Task, forget: Images, retain: Images) -> Stepped:
        model, split = task.model, task.split
        solver = chosen_solver(model, split, self.solver, self.layers)
        ways = directions(model, split, solver, self.layers)
        losses = LatentLosses.of(task, self, ways, forget, retain)
        monitors = Monitors.of(task, self, ways, eye=losses.targets.eye, forget=forget, retain=retain)
        steps = LatentSteps(task, self, ways, losses, monitors, retain, forget)
        update = Update("fisher_surgery", self.shots)
        cost, base, each = losses.cost, losses.base, losses.cost_each
        paid, reached = base, losses.redirect_before
        for shot in range(self.shots):
            done = (shot + 1) / self.shots
            budget = base * (1 + math.copysign(self.budget, base) * done)  # a -ELBO may be negative
            theta, at_start = parameters(model, list(losses.origin)), losses.goal_each if shot == 0 else None
            bounds = monitors.bounds(done)
            problem = StepProblem(
                model, losses.goal, cost, theta, paid, budget, reached,
                bounds=bounds, before_each=at_start, looks=steps.looks,
            )  # fmt: skip
            best = steps.best(problem, each)
            if shot == 0:
                with task.stage("prediction"):
                    near = NEAR if losses.cost.folds else None
                    foresee(update, losses.checks, losses.origin, best, self.shots, follows=self.follows, near=near)
            add_(model, best.direction, best.step)
            now = parameters(model, list(losses.origin))
            measured = best.losses is not None  # then the search ended at these very weights
            each = cost.losses(now) if best.losses is None else best.losses
            spent, paid = paid, float(wide(each).mean())
            reached = best.redirect_loss if measured else losses.goal.mean(now)
            next(c for c in reversed(steps.log) if c["chosen"])["realised_increase"] = relative_increase(paid, spent)
            task.on_progress(shot + 1, self.shots, paid)
        if not self.follows:  # else they will be of another encoder
            update.realised = losses.realised(now)
        update.details = self._details(task, steps, solver, paid=paid, reached=reached, now=now)
        return Stepped(
            update, losses.goal, retain, forget, losses.trial, losses.latents, losses.checked, base, losses.before
        )

    def _details(
        self, task: Task, steps: LatentSteps, solver: str, *, paid: float, reached: float, now: Vector
    ) -> dict[str, Any]:
        """For the record, after the last step: the retain loss ``paid`` and the redirect loss ``reached``."""
        losses, monitors, targets = steps.losses, steps.monitors, steps.losses.targets
        seen = {"retain": len(steps.retain), "forget": len(steps.forget), "budget": len(losses.trial)}
        told_there = {} if self.there is None else {"retained_there": self.there}
        told = monitors.facts(task, self, steps.log, steps.ways, now)
        return {
            "budget": self.budget,
            "budget_spent": relative_increase(paid, losses.base),
            "redirect_loss": {"before": losses.redirect_before, "after": reached, "floor": targets.floor},
            "clean_targets": targets.clean_fraction,
            "target": targets.facts(task.model, steps.forget, steps.retain) | told_there,
            "images": seen | {"check": len(losses.checks["forget"])},
            "shots": steps.log,
            "solver": solver,
            "cost": self._cost(steps).record(len(task.split.dataset.train)),
            **told,
        }

    def _cost(self, steps: LatentSteps) -> Cost:
        """Of all steps."""
        losses, monitors, budget, retain = steps.losses, steps.monitors, len(steps.losses.cost), len(steps.retain)
        cost = counted(
            self,
            (*steps.ways, "ascent") if monitors.ascended else steps.ways,
            steps.log,
            forget=len(steps.forget),
            budget=budget,
            curvature=self.curvature(steps.ways),
            generated=monitors.generated + losses.targets.made(retain),
            encoded=losses.encoded,
            at_targets=losses.known,
            looks=sum(steps.looks),
            measured=steps.measured,
            spared=steps.spared,
            differentiated=[n if self.finish is None else min(n, SPARED) for n in steps.spared],
        )
        cost.add(monitors.level_cost(follows=self.follows))
        return cost
