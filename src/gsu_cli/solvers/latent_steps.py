"""One step of Fisher surgery of a decoder: candidates by the solver's way, and which of them is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.posteriors import posterior_codes
from gsu_cli.solvers.bookkeeping import noted
from gsu_cli.solvers.candidates import Candidate, choose
from gsu_cli.solvers.finish import LOOSE, finished, first_part, first_sites
from gsu_cli.solvers.fisher_solver import FisherSolver, candidates
from gsu_cli.solvers.latent_losses import LatentLosses
from gsu_cli.solvers.latent_options import LatentOptions
from gsu_cli.solvers.monitors import Monitors, statistics
from gsu_cli.solvers.own_choice import choose_by_share
from gsu_cli.solvers.own_share import OwnShare
from gsu_cli.solvers.pilot import Pilot
from gsu_cli.solvers.refits import anew, refitted, shared_moments
from gsu_cli.solvers.spared import spared_by, stay_images
from gsu_cli.solvers.step_problem import TOLERANCE, StepProblem
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task

REFIT_LATENTS = 3  # of each retained image, for a refit: it would spare the budget's own ones more than the rest


@dataclass
class LatentSteps:
    """The steps of one run.

    Attributes:
        task, options: of the run.
        ways: where candidates come from.
        losses: at the original.
        monitors: what else looks at a step.
        retain, forget: training images, in random order.
        log: candidates so far, for the record.
        looks: see `StepProblem`, of all steps.
        spared, measured: of each step along a gradient, how many retained sites it spares, and images in its Fisher.
    """

    task: Task
    options: LatentOptions
    ways: Sequence[str]
    losses: LatentLosses
    monitors: Monitors
    retain: Images
    forget: Images
    log: list[dict[str, Any]] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)
    spared: list[int] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)

    def best(self, problem: StepProblem, each: Tensor) -> Candidate:
        """The candidate that is taken; it and the others are noted.

        Args:
            problem: at the present weights.
            each: ``(n,)``, the retain loss of each site there.

        Raises:
            UsageError: none lowers the redirect loss.
        """
        if "least_squares" in self.ways:
            with self.task.stage("step"):
                found = self._refits(problem, each)
            return self._chosen(found, problem)
        retain, solver = self._solver(problem)
        with self.task.stage("step"):
            found = self._candidates(solver)
        if self.options.finish is None:
            return self._chosen(found, problem)
        with self.task.stage("step"):
            return self._finished(replace(solver, problem=problem, tolerance=TOLERANCE), found, retain)

    def _solver(self, problem: StepProblem) -> tuple[Images, FisherSolver]:
        """Retained images that this step spares, and the solver with its gradients and its Fisher.

        Where the last layer comes after it, it has its part of the budget.
        """
        task, step, theta, finish = self.task, len(self.log), problem.theta, self.options.finish
        with task.stage("gradients"):
            retain, spared = spared_by(task, self.retain, problem.cost, step)
            g = accumulate_gradient(problem.goal.blocks(), theta).vector
            g_r = accumulate_gradient(first_sites(spared, finish).blocks(), theta)
        fisher = self.monitors.fisher or statistics(task, self.options, retain, step)
        self.spared.append(len(spared))
        self.measured.append(min(len(retain), self.options.statistics or len(retain)))
        self.monitors.fisher = None  # of the weights before this step
        with task.stage("step"):
            begin, near = (problem, TOLERANCE) if finish is None else (first_part(problem, finish), LOOSE)
        return retain, FisherSolver(begin, g, g_r, fisher, near, spared)

    def _candidates(self, solver: FisherSolver) -> list[Candidate]:
        options = self.options
        size = (options.iterations, options.curvature(self.ways))
        return candidates(solver, ways=self.ways, damping=options.damping, size=size, ascend=self._ascending(solver))

    def _refits(self, problem: StepProblem, each: Tensor) -> list[Candidate]:
        """One of the first layers, in closed form."""
        task, options, step = self.task, self.options, len(self.log)
        stay = posterior_codes(task.model, self.retain, REFIT_LATENTS, seed=task.stream("refit", step))
        sites = options.pilot_sites
        pilot = Pilot(problem.cost, each, sites) if 0 < sites < len(each) else None
        rests_on = {
            "target": options.target,
            "retain": options.retain_images,
            "forget": options.forget_images,
            "layers": options.layers,
        }
        known = anew if step else partial(shared_moments, task, rests_on)  # later ones are of other weights
        every, to = self.monitors.share is not None, self.losses.targets.target_latents
        return refitted(problem, options.layers, to, stay, pilot, all_measured=every, known=known)

    def _chosen(self, found: Sequence[Candidate], problem: StepProblem) -> Candidate:
        """By the model's own samples, where that was asked; else by the redirect loss."""
        if self.monitors.share is not None:
            return self._by_share(found, problem, self.monitors.share)
        best = lowest(found, problem)
        self._note(found, best)
        return best

    def _by_share(self, found: Sequence[Candidate], problem: StepProblem, share: OwnShare) -> Candidate:
        with self.task.stage("own samples"):
            looked = choose_by_share(found, problem, share)
        self._note(looked, looked[-1])
        return looked[-1]

    def _finished(self, solver: FisherSolver, found: Sequence[Candidate], retain: Images) -> Candidate:
        """The best step with a refit of the last layer behind it, or Newton's ascent; without one if none is of use.

        Args:
            solver: with the whole budget.
            found: steps within a part of it.
            retain: images that this step spares.
        """
        task, problem, step = self.task, solver.problem, len(self.log)
        best = lowest(found, problem)
        others, besides = stay_images(task, retain, len(problem.cost), step)
        to, seed = self.losses.targets.target_latents, task.stream("last layer", step)
        whole, passed = finished(problem, best, to, others, besides=besides, seed=seed)
        begun = [noted(c, chosen=False) | {"begins": whole is not None and c is best} for c in found]
        if whole is None:
            begun[-1]["images"] += passed  # by a refit that was of no use
            self.log += begun
            again = self._candidates(solver)
            better = choose(again, problem.before)
            again, best = (again, better) if better.redirect_loss <= best.redirect_loss else ([*again, best], best)
            self._note(again, best)
            return best
        self.log += begun
        second = self.monitors.second
        other = None if second is None else second.ascent(whole, solver, self._ascending(solver))
        taken = other if other is not None and second is not None and second.taken else whole
        self._note([c for c in (whole, other) if c is not None and c is not taken] + [taken], taken)
        return taken

    def _note(self, found: Sequence[Candidate], taken: Candidate) -> None:
        self.log += [noted(c, c is taken) for c in found]

    def _ascending(self, solver: FisherSolver) -> partial[Vector]:
        """What gives the gradient of the forget loss, if it is asked."""
        return partial(ascending, self.task, self.forget, solver.problem.theta)


def lowest(found: Sequence[Candidate], problem: StepProblem) -> Candidate:
    """Of candidates that were measured whole the one that lowers the redirect loss most, ties as `choose` has it.

    Raises:
        UsageError: none lowers it.
    """
    best = choose([c for c in found if not c.estimated], problem.before)
    if not best.redirect_loss < problem.before:
        raise UsageError(
            "a step must lower the redirect loss",
            found=f"{problem.before:.4f} before and {best.redirect_loss:.4f} after the best of {len(found)}",
            way_out="Raise method.budget, or forget more images at once",
        )
    return best


def ascending(task: Task, forget: Images, theta: Vector) -> Vector:
    """The gradient of the forget loss at ``theta``."""
    risen = frozen_elbo(task.model, forget, seed=task.stream("ascent"), what="the forget loss")
    return accumulate_gradient(risen.blocks(), theta).vector
