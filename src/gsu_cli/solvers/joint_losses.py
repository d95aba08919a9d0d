"""What joint redirection descends and looks at: losses on fixed images under fixed noise, and their trajectory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from gsu_cli.data.base import Images
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.posteriors import encoder_at_rest
from gsu_cli.objectives.redirect import Redirect
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.objectives.targets import redirection
from gsu_cli.solvers.step_problem import relative_increase
from gsu_cli.solvers.where_retained import asked, encoded, target_there
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import CHECK_IMAGES, first

LOOKED_AT = 1_000  # images of each part at a look, at most; the budget is kept on all of its images in the end


@dataclass(frozen=True)
class JointLosses:
    """The losses of one run.

    Attributes:
        goal, told: the redirection, and what the record says of its target.
        redirect, cost, check: the redirect loss, the retain loss of the budget, the forget loss.
        spent: images so far.
    """

    goal: Redirect
    told: dict[str, Any]
    redirect: SiteLoss
    cost: SiteLoss
    check: SiteLoss
    spent: Cost


def joint_losses(task: Task, target: str, retain: Images, forget: Images, budget_images: int) -> JointLosses:
    """The losses at the original; all runs of a search share the redirection.

    Args:
        task: of the run.
        target: what comes instead, as typed.
        retain, forget: training images, in random order.
        budget_images: of those retained, at most, on which the budget is measured.
    """
    model, spent, seed = task.model, Cost(), task.stream("redirect")
    with task.stage("objective"), encoder_at_rest():
        kind, told = target_there(task, target, forget, retain)
        among = asked(kind, retain, budget_images)

        def redirected() -> Redirect:
            goal = redirection(kind, model, forget, among, split=task.split, seed=seed)
            spent.generated, spent.forward = goal.made(len(among)), encoded(told, forget, retain, among)
            return goal

        goal = task.shared.once("goal", redirected, spent, target=kind, retain=len(among), forget=len(forget))
        cost = frozen_elbo(model, first(retain, budget_images), seed=task.stream("budget"))
        some = first(forget, CHECK_IMAGES)
        check = frozen_elbo(model, some, seed=task.stream("check forget"), what="the forget loss")
        return JointLosses(goal, told, goal.loss(model), cost, check, spent)


@dataclass
class Looks:
    """Both losses as measured from time to time, and the forget loss, each on fixed images under fixed noise.

    Attributes:
        goal, cost, check: the redirect loss, the retain loss, the forget loss.
        spent: images so far; of a look those of the retain loss, on which the price rests.
        trajectory: what was measured, and the price, by name.
    """

    goal: SiteLoss
    cost: SiteLoss
    check: SiteLoss
    spent: Cost
    trajectory: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, losses: JointLosses) -> Looks:
        """At the first sites of each loss."""
        return cls(_some(losses.redirect), _some(losses.cost), _some(losses.check), losses.spent)

    def at(self, step: int, theta: Vector, price: float) -> float:
        """Appends a point of the trajectory; returns the relative increase of the retain loss."""
        self.spent.forward += len(self.cost)
        losses = {"retain": self.cost.mean(theta), "forget": self.check.mean(theta), "redirect": self.goal.mean(theta)}
        for key, value in {"step": step, **losses, "price": price}.items():
            self.trajectory.setdefault(key, []).append(value)
        return relative_increase(losses["retain"], self.trajectory["retain"][0])


def _some(loss: SiteLoss) -> SiteLoss:
    return loss[torch.arange(min(len(loss), LOOKED_AT))]
