"""What Fisher surgery of a denoiser lowers, what it spares and what is checked, with their values at the original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from gsu_cli.data.base import Images
from gsu_cli.objectives.denoise import FEW, Bank, Redirection, noised_sites, redirected
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.solvers.denoiser_options import DenoiserOptions
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import first
from gsu_cli.unlearning.weights import generating_weights

CHECK_IMAGES = 64  # of each part, at most, for predicted and realised losses


@dataclass(frozen=True)
class DenoiserLosses:
    """Losses of one run, at fixed noised images.

    Attributes:
        bank: training images among which targets are means.
        redirection: what the network should say of noised images to forget.
        goal: the redirect loss.
        cost: the training loss of the budget's images.
        checks: the training loss of images "retain" and "forget", the same before and after.
        forget: how many images to forget were noised; each few stand for many.
        budget: how many images the budget has.
        origin: the original's weights that generation depends on.
        before: means of the checks at the original.
    """

    bank: Bank
    redirection: Redirection
    goal: SiteLoss
    cost: SiteLoss
    checks: Mapping[str, SiteLoss]
    forget: int
    budget: int
    origin: Vector
    before: Mapping[str, float]

    @classmethod
    def of(cls, task: Task, options: DenoiserOptions, forget: Images, retain: Images) -> DenoiserLosses:
        """Those of a task, whose model is the original.

        Args:
            task: of the run.
            options: of the method.
            forget, retain: training images, in random order.
        """
        model = task.model
        with task.stage("objective"):
            forget = forget[torch.arange(max(len(forget), FEW)) % len(forget)]  # each few at many levels of noise
            bank = Bank.of(task.split, options.bank_images, seed=task.stream("bank"))
            start = round(options.noise_from * int(model.train_steps))
            counts, rests_on = Cost(), {"forget": len(forget), "bank": options.bank_images, "start": start}

            def look() -> Redirection:
                counts.forward = len(forget)  # of a run by itself the solver counts them
                return redirected(model, forget, bank, seed=task.stream("redirect"), start=start)

            found = task.shared.once("redirected", look, counts, **rests_on)
            trial = first(retain, options.budget_images)
            cost = SiteLoss(model, noised_sites(model, trial, seed=task.stream("budget")))
            checks = {
                part: SiteLoss(
                    model,
                    noised_sites(model, first(images, CHECK_IMAGES), seed=task.stream(f"check {part}")),
                    f"the {part} loss",
                )
                for part, images in (("retain", retain), ("forget", forget))
            }
        origin = generating_weights(model)
        goal = SiteLoss(model, found.sites, "the redirect loss")
        before = {part: loss.mean(origin) for part, loss in checks.items()}
        return cls(bank, found, goal, cost, checks, len(forget), len(trial), origin, before)

    def realised(self, theta: Vector) -> dict[str, float]:
        """By how much each check has risen at ``theta``."""
        return {part: check.mean(theta) - self.before[part] for part, check in self.checks.items()}
