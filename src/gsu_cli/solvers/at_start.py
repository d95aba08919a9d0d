"""What a step measures at the original weights: the same at every budget, so runs of one search measure it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

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
