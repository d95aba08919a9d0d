"""What a step measures at the original weights: the same at every budget, so runs of one search measure it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.data.base import Images
from gsu_cli.objectives.redirect import Redirect
from gsu_cli.objectives.targets import redirection
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost

T = TypeVar("T")
READ = ("target", "retain_images", "forget_images", "budget_images", "pilot_images", "encoder")  # the sites rest on


@dataclass(frozen=True)
class AtStart:
    """Measurements of a run at its start.

    Attributes:
        task: of the run.
        options: of the method, all that the sites rest on; None: nothing is shared.
    """

    task: Task
    options: Mapping[str, object] | None

    @classmethod
    def of(cls, task: Task, method: Any, *, shares: bool) -> AtStart:
        """With the options that ``method`` has, which shares with others what it finds, or does not."""
        return cls(task, {name: getattr(method, name) for name in READ} if shares else None)

    def __call__(self, name: str, make: Callable[[], T], images: int = 0) -> T:
        """``make()``, or what an earlier run of the search has found; ``images`` of it are counted."""
        if self.options is None:
            return make()
        counts = Cost()

        def passed() -> T:
            counts.forward = images
            return make()

        return self.task.shared.once(f"{name} at the start", passed, counts, **self.options)


def goal_of(task: Task, target: str, forget: Images, retain: Images, encoded: int) -> Redirect:
    """What is to be generated instead, by the original.

    Args:
        task: of the run.
        target: one of `objectives.targets.TARGETS`.
        forget, retain: training images, in random order.
        encoded: images that pass the encoder for them.
    """
    counts = Cost()

    def redirected() -> Redirect:
        goal = redirection(target, task.model, forget, retain, split=task.split, seed=task.stream("redirect"))
        counts.forward, counts.generated = encoded, goal.made(len(retain))
        return goal

    return task.shared.once("goal", redirected, counts, target=target, retain=len(retain), forget=len(forget))


def fisher_of(task: Task, retain: Images, names: list[str], step: int, *, ekfac: bool) -> KroneckerFisher:
    """The Fisher of retained images in the weights ``names``, before step ``step``; of the first one shared.

    Args:
        task: of the run.
        retain: images of the statistics.
        names: of weights.
        step: from 0.
        ekfac: a second pass for the eigenvalues.
    """
    counts = Cost()

    def factors() -> KroneckerFisher:
        counts.fisher = len(retain) * (2 if ekfac else 1)
        with task.stage("statistics"):
            return kronecker_fisher(task.model, retain, names, seed=task.stream("fisher", step), ekfac=ekfac)

    return factors() if step else task.shared.once("fisher", factors, counts, retain=len(retain), ekfac=ekfac)
