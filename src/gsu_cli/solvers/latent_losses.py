"""What a step of Fisher surgery lowers, what it spares and what is checked, with their values at the original."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.redirect import Redirect
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.solvers.at_start import AtStart, goal_of
from gsu_cli.solvers.latent_options import REFIT_BUDGET_LATENTS, LatentOptions
from gsu_cli.solvers.where_retained import asked, encoded
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import budget_of, first
from gsu_cli.unlearning.weights import generating_weights

CHECK_IMAGES, CHECK_VALUES = 1000, 3_100_000  # of each part, at most, for predicted and realised losses: 252 faces


@dataclass(frozen=True)
class LatentLosses:
    """Losses of one run; their unit is nats per image.

    Attributes:
        targets: what is to be generated instead.
        goal: the redirect loss.
        cost: the retain loss on the budget's images.
        checks: the -ELBO of images "retain" and "forget", the same before and after.
        trial: the budget's images, retained ones.
        latents: of each of those.
        checked: images of each part that are checked, at most.
        origin: the original's weights that generation depends on.
        cost_each, goal_each: ``(n,)``, ``(m,)``, of each site at the original.
        before: means of the checks at the original.
        known: images to forget whose redirect loss was known when their targets were made.
        encoded: images that passed the encoder for the targets.
    """

    targets: Redirect
    goal: SiteLoss
    cost: SiteLoss
    checks: Mapping[str, SiteLoss]
    trial: Images
    latents: int
    checked: int
    origin: Vector
    cost_each: Tensor
    goal_each: Tensor
    before: Mapping[str, float]
    known: int
    encoded: int

    @classmethod
    def of(
        cls, task: Task, options: LatentOptions, ways: Sequence[str], forget: Images, retain: Images
    ) -> LatentLosses:
        """Those of a task, whose model is the original.

        Args:
            task: of the run.
            options: of the method.
            ways: where candidates come from.
            forget, retain: training images, in random order.
        """
        model, refits = task.model, "least_squares" in ways
        with task.stage("objective"):
            latents = REFIT_BUDGET_LATENTS if refits else 1
            others = options.finish is not None or options.follows
            trial = budget_of(task, retain, options.budget_images, others=others)
            among = asked(options.target, retain, len(trial))
            passed = encoded(options.there, forget, retain, among)
            targets = goal_of(task, options.target, forget, among, passed)
            cost = frozen_elbo(model, trial, seed=task.stream("budget"), latents=latents)
            # predicted and realised changes rest on the same, fewer images: a Hessian-vector product costs four losses
            n = min(CHECK_IMAGES, max(CHECK_VALUES // math.prod(task.split.dataset.shape), 100)) // (
                1 + options.follows
            )
            seed = task.stream("check forget")
            checks = {"retain": frozen_elbo(model, first(retain, n), seed=task.stream("check retain"))}
            checks["forget"] = frozen_elbo(model, first(forget, n), seed=seed, what="the forget loss")
        goal = targets.loss(model)
        if refits and 0 < options.pilot_sites < len(cost):
            cost, goal = cost.folding(), goal.folding()
        origin = generating_weights(model)
        once = AtStart.of(task, options, shares=refits)
        cost_each = once("budget", lambda: cost.losses(origin), len(cost))
        before = once("checks", lambda: {part: check.mean(origin) for part, check in checks.items()})
        made = targets.start if goal.folds else None  # but for rounding the same
        goal_each = once("redirect", lambda: goal.losses(origin), len(goal)) if made is None else made
        known = 0 if made is None else len(made)
        return cls(targets, goal, cost, checks, trial, latents, n, origin, cost_each, goal_each, before, known, passed)

    @property
    def base(self) -> float:
        """The retain loss at the original."""
        return float(wide(self.cost_each).mean())

    @property
    def redirect_before(self) -> float:
        """The redirect loss at the original."""
        return float(wide(self.goal_each).mean())

    def realised(self, theta: Vector) -> dict[str, float]:
        """By how much each check has risen at ``theta``."""
        return {part: check.mean(theta) - self.before[part] for part, check in self.checks.items()}
