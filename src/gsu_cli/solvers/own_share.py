"""The share of a model's own samples that show what is to be forgotten, as a method may know it: no judge is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.objectives.discriminant import Discriminant, discriminant_of
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import share_of
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.weights import held

SAMPLES = 2_000  # of the model's own, at the same noise before and after


@dataclass
class OwnShare:
    """The share of a model's own samples in which a discriminant sees what is to be forgotten.

    Attributes:
        model: whose weights are put back after each look.
        discriminant: fitted to training images.
        seed: of the samples' noise, the same at each look.
        before: the share of the original's samples; 0 until it was looked at.
        looks: how often samples were made.
    """

    model: Any
    discriminant: Discriminant
    seed: int
    before: float = 0.0
    looks: int = 0

    @classmethod
    def of(cls, task: Task, forget: Images, retain: Images) -> OwnShare:
        """That of a task, looked at once.

        Raises:
            UsageError: no sample of the original shows what is to be forgotten.
        """
        eye = discriminant_of(forget, retain, task.stream("discriminant"))  # the same whichever bound or choice asks
        share = cls(task.model, eye, task.stream("own samples"))
        share.before = share({})
        if share.before == 0:
            raise UsageError(
                "with `method.solver=chosen` the model must generate what is to be forgotten",
                found=f"none of {SAMPLES:,} samples in which the method's own discriminant sees it",
                way_out="Forget what the model generates, or leave out method.solver",
            )
        return share

    @torch.no_grad()
    def __call__(self, theta: Vector) -> float:
        """The share at weights ``theta``; those that it does not name are the model's."""
        self.looks += 1
        with held(self.model, theta):
            samples = self.model.sample(SAMPLES, generator(self.seed))
        # what is not finite shows nothing, which is not to pass for forgotten
        return share_of(self.discriminant.shows(samples)) if bool(samples.isfinite().all()) else 1.0

    @property
    def images(self) -> int:
        """Samples that were made, and what the discriminant was fitted to."""
        return self.looks * SAMPLES + self.discriminant.n

    @property
    def floor(self) -> float:
        """The share below which there is nothing left to see."""
        return self.discriminant.false_alarms

    def facts(self, after: float) -> dict[str, Any]:
        """For the record."""
        return {
            "samples": SAMPLES,
            "before": self.before,
            "after": after,
            "floor": self.floor,
            "right": {"forget": self.discriminant.right[0], "retain": self.discriminant.right[1]},
            "fitted_to": self.discriminant.n,
            "looks": self.looks,
        }
