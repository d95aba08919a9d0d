"""The second part of what a step costs: how far a model's own retained samples drift at the same noise.

The retain loss is taken at latents of retained images. What a model generates between them no image answers for, so a
step can spoil the neighbours of what it redirects, and the loss does not see it. The drift does:

    E |G_theta(z) - G_0(z)|^2 / E |G_0(z) - E G_0|^2

over latents ``z`` of the prior at which the original does not generate what is to be forgotten, as a discriminant says
that was fitted to training images (`unlearning.discriminant`; no judge). 1 is as far as two unlike samples are apart,
but for a factor of two: the unit in which GANs count all their cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.objectives.discriminant import Discriminant, discriminant_of
from gsu_cli.objectives.own_samples import drift, variance
from gsu_cli.run.seeds import generator
from gsu_cli.solvers.own_share import SAMPLES
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.weights import held

LEVEL = 0.05  # of the test of how many retained samples gained what is to be forgotten


def check_drift(drift_budget: float | None, split: Split) -> None:
    """Refuses a drift of retained samples where no discriminant can tell which samples are retained.

    Raises:
        UsageError: single images or a part of a class are to be forgotten.
    """
    if drift_budget is not None and (split.by_index or split.fraction is not None):
        raise UsageError(
            "`method.drift_budget` needs whole classes or an attribute to forget: no sample can be told to show other "
            "images",
            found=split.words,
            way_out="Leave out method.drift_budget",
        )


@dataclass
class OwnDrift:
    """The drift of a model's own retained samples.

    Attributes:
        model: whose weights are put back after each look.
        budget: the largest drift allowed, a share of the variance.
        discriminant: fitted to training images.
        seed: of the samples' noise, the same at each look.
        samples: the original's, ``(n, c, h, w)``.
        kept: those that do not show what is to be forgotten, ``(n,)`` bool.
        spread: the variance of their pixels around their mean image, > 0.
        dealt: seed by which changes are dealt to other samples.
        looks: how often samples were made.
    """

    model: Any
    budget: float
    discriminant: Discriminant
    seed: int
    samples: Tensor
    kept: Tensor
    spread: float
    dealt: int
    looks: int = 1

    @classmethod
    @torch.no_grad()
    def of(cls, task: Task, budget: float, forget: Images, retain: Images) -> OwnDrift:
        """Of the model of a task, as it is now.

        Raises:
            UsageError: the retained samples all look alike, or there is none.
        """
        found, seed = discriminant_of(forget, retain, task.stream("discriminant")), task.stream("drift")
        samples = task.model.sample(SAMPLES, generator(seed))
        kept = ~found.shows(samples)
        if not bool(kept.any()):
            raise UsageError(
                "`method.drift_budget` needs samples that do not show what is to be forgotten",
                found=f"none of {SAMPLES:,}",
                way_out="Leave it out",
            )
        spread, dealt = variance(samples[kept]), task.stream("drift", "dealt")
        return cls(task.model, budget, found, seed, samples, kept, spread, dealt)

    def limit(self, share: float) -> float:
        """The largest drift allowed once ``share`` of the shots are done."""
        return share * self.budget

    def mean(self, theta: Vector) -> float:
        """The drift at weights ``theta``, a share of the variance; those that it does not name are the model's.

        Raises:
            NonFiniteError: it is nan or infinite.
        """
        return self._drift(self._at(theta))

    def _drift(self, now: Tensor) -> float:
        return drift(now, self.samples[self.kept], self.spread)

    @torch.no_grad()
    def _at(self, theta: Vector) -> Tensor:
        """The retained samples at ``theta``."""
        self.looks += 1
        with held(self.model, theta):
            samples: Tensor = self.model.sample(SAMPLES, generator(self.seed))
        return samples[self.kept]

    def transitions(self, now: Tensor) -> dict[str, int]:
        """Which retained samples show what is to be forgotten once they are ``now``, and how many that were by chance.

        By chance: each sample's change is dealt to another retained sample. Grain as strong as the step's, and aimed
        at nothing, takes so many across the discriminant's border.

        Returns:
            ``gained`` of ``retained`` samples; ``dealt``, those by chance; ``at_most``, the 95 % bound of its count.
        """
        before = self.samples[self.kept]
        order = torch.randperm(len(before), generator=generator(self.dealt)).to(before.device)
        chance = self.discriminant.shows((before + (now - before)[order]).clamp(0, 1))
        gained, dealt = int(self.discriminant.shows(now).sum()), int(chance.sum())
        return {"gained": gained, "retained": len(before), "dealt": dealt, "at_most": most_by_chance(dealt)}

    @property
    def images(self) -> int:
        """Samples that were made, and what the discriminant was fitted to."""
        return self.looks * SAMPLES + self.discriminant.n

    def facts(self, theta: Vector) -> dict[str, Any]:
        """For the record."""
        now = self._at(theta)
        return {
            "budget": self.budget,
            "spent": self._drift(now),
            "unit": "share of the variance",
            "transitions": self.transitions(now),
            "right": {"forget": self.discriminant.right[0], "retain": self.discriminant.right[1]},
            "looks": self.looks,
        }


def most_by_chance(count: int) -> int:
    """The largest second count that does not differ from ``count``, had both the same rate (one-sided, 5 %).

    Of ``n`` events in both, the second has Binomial(n, 1/2): the exact test of two Poisson counts (Przyborowski and
    Wilenski 1940). That the second has ``y`` or more beside ``count`` is the tail of a negative binomial.

    >>> [most_by_chance(n) for n in (0, 4, 100)]
    [4, 11, 125]
    """
    tail, most = 1.0, 0  # of P(second count >= most)
    while True:
        chosen = lgamma(most + count + 1) - lgamma(most + 1) - lgamma(count + 1)
        tail -= exp(chosen - (most + count + 1) * log(2))
        if tail < LEVEL:
            return most
        most += 1
