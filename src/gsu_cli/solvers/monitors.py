"""What monitors a step of Fisher surgery beside its two losses: own samples, and the level of unseen images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.models.frozen import generating
from gsu_cli.objectives.discriminant import Discriminant
from gsu_cli.solvers.at_start import fisher_of
from gsu_cli.solvers.latent_options import LatentOptions
from gsu_cli.solvers.level_bounds import level_of
from gsu_cli.solvers.own_drift import OwnDrift
from gsu_cli.solvers.own_share import SAMPLES, OwnShare
from gsu_cli.solvers.second_look import SecondLook
from gsu_cli.solvers.solver_choice import CHOSEN
from gsu_cli.solvers.step_problem import Bound
from gsu_cli.solvers.unseen import UnseenLevel, kind_of, unbounded
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.images import first


@dataclass
class Monitors:
    """What one run is looked at by; None: by that not.

    Attributes:
        share: own samples, by which a candidate is chosen.
        drift: of own retained samples, which bounds a step.
        second: own samples, by which the step and Newton's ascent are told apart.
        level: the loss expected of forgotten images, which bounds a step or is noted.
        fisher: of retained images at the original, where the level asked for it; the first step takes it.
    """

    share: OwnShare | None
    drift: OwnDrift | None
    second: SecondLook | None
    level: UnseenLevel | None
    fisher: KroneckerFisher | None

    @classmethod
    def of(
        cls,
        task: Task,
        options: LatentOptions,
        ways: Sequence[str],
        *,
        eye: Discriminant | None,
        forget: Images,
        retain: Images,
    ) -> Monitors:
        """That of a task, whose model is the original.

        Args:
            task: of the run.
            options: of the method.
            ways: where candidates come from.
            eye: the discriminant that chose the targets, if one did.
            forget, retain: training images, in random order.
        """
        share = drift = fisher = level = None
        if options.solver == CHOSEN:
            with task.stage("own samples"):
                share = OwnShare.of(task, forget, retain)
        if options.drift_budget is not None:
            with task.stage("own samples"):
                drift = OwnDrift.of(task, options.drift_budget, forget, retain)
        once = tuple(ways) == ("kfac",) and options.shots == 1 and options.finish is not None  # elsewhere none asks it
        second = SecondLook.of(task, eye, options.solver) if once else None
        kind = None if "least_squares" in ways else kind_of(options.bound, task.split)
        if kind is not None:
            fisher = statistics(task, options, retain)
            with task.stage("bound"):
                level = level_of(task, kind, forget, fisher, ends=options.bound == kind)
        return cls(share, drift, second, level, fisher)

    def bounds(self, done: float) -> tuple[Bound, ...]:
        """What bounds a step beside the budget, once a share ``done`` of the shots is."""
        level, drift = self.level, self.drift
        bounds = [Bound(level.loss, level.limit(done))] if level is not None and level.ends else []
        return tuple(bounds + ([] if drift is None else [Bound(drift, drift.limit(done))]))

    @property
    def ascended(self) -> bool:
        """Whether Newton's ascent was tried after the step."""
        return self.second is not None and self.second.tried

    @property
    def generated(self) -> int:
        """Own samples that were looked at so far, and images that a discriminant was fitted to."""
        looks = 0 if self.second is None else self.second.share.looks * SAMPLES
        return looks + sum(own.images for own in (self.share, self.drift) if own is not None)

    def level_cost(self, *, follows: bool) -> Cost:
        """Of a level that something rests on; one that is only noted costs nothing."""
        return self.level.cost if self.level is not None and (self.level.ends or follows) else Cost()

    def facts(
        self, task: Task, options: LatentOptions, log: Sequence[Mapping[str, Any]], ways: Sequence[str], now: Vector
    ) -> dict[str, Any]:
        """For the record, at the weights ``now``; the drift looks once more, which `generated` counts.

        Args:
            task: of the run.
            options: of the method.
            log: its steps.
            ways: where candidates came from.
            now: weights that generation depends on.
        """
        told: dict[str, Any] = {}
        if options.finish is not None:
            told["finish"] = {"share": options.finish, "taken": sum(bool(c.get("begins")) for c in log)}
            if self.second is not None and self.second.taken:
                told["finish"]["taken"] = 0
                told["solver"] = "ascent"
        if self.share is not None:
            told["own_samples"] = self.share.facts(log[-1]["share"])
        if self.second is not None and self.second.asked:
            told["own_samples"] = self.second.facts()
        if self.drift is not None:
            told["own_drift"] = self.drift.facts(now)
        refit = "a refit of one layer reads none" if "least_squares" in ways else ""
        told |= unbounded(options.bound, task.split, refit)
        if self.level is not None:
            told["class_level" if self.level.kind == "class_level" else "sample_bound"] = self.level.facts(now)
        return told


def statistics(task: Task, options: LatentOptions, retain: Images, step: int = 0) -> KroneckerFisher:
    """The Fisher of retained images in the weights that generation depends on, before step ``step``."""
    some = retain if options.statistics is None else first(retain, options.statistics)
    return fisher_of(task, some, generating(task.model), step, ekfac=options.ekfac)
