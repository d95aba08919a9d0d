"""Where a step that redirects leaves much to be seen, Newton's ascent is tried instead.

Of a few models a target is hardly worth its price: what is forgotten lies among what is retained, and another picture
there costs more than a blurred one. The redirect loss does not tell, the model's own samples do. So the discriminant
that chose the targets (no judge) looks at samples of the same noise before and after. Where it still sees more than
`SEEN` of what it saw, and more than it sees in real retained images, the retain loss's Newton step from the original
(`methods.newton`) goes as far as the same budget allows, and is taken if it leaves half as much at most.
docs/design/030-targets-looked-at.md has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gsu_cli.objectives.discriminant import Discriminant
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.fisher_solver import FisherSolver
from gsu_cli.solvers.own_share import OwnShare
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.contract import Task

SEEN = 0.4  # of what the discriminant saw among samples of the original
LESS = 0.5  # of what the step leaves, which the ascent must leave at most: blurred samples are hard to tell


@dataclass
class SecondLook:
    """What the discriminant saw of one run.

    Attributes:
        share: among the model's own samples.
        asked: shares after the step, and after the ascent, where it was tried.
        taken: whether the ascent was.
    """

    share: OwnShare
    asked: tuple[float, ...] = ()
    taken: bool = False

    @property
    def tried(self) -> bool:
        """Whether the ascent was."""
        return len(self.asked) > 1

    @classmethod
    def of(cls, task: Task, eye: Discriminant | None, typed: str) -> SecondLook | None:
        """That of a task, looked at once; None where no discriminant chose the targets, or a solver is ``typed``."""
        if eye is None or typed != "auto":
            return None
        share = OwnShare(task.model, eye, task.stream("own samples"))
        with task.stage("own samples"):
            share.before = share({})
        return cls(share)

    def ascent(self, whole: Candidate, influence: FisherSolver, ascend: Callable[[], Vector]) -> Candidate | None:
        """The ascent, where it was tried; `taken` says whether it is better than ``whole``.

        Args:
            whole: what redirects, with all of the budget.
            influence: with the whole budget, too; its Fisher and its gradient of the retain loss are taken.
            ascend: the gradient of the forget loss.
        """
        problem = influence.problem
        left = self.share(problem.at(whole.direction, whole.step))
        self.asked = (left,)
        if left <= max(SEEN * self.share.before, self.share.floor) or whole.damping is None:
            return None
        found = influence.ascent(ascend(), whole.damping)
        share = self.share(problem.at(found.direction, found.step)) if found.step > 0 else self.share.before
        self.asked = (left, share)
        self.taken = share <= LESS * left
        return replace(found, share=share)

    def facts(self) -> dict[str, Any]:
        """For the record."""
        after = self.asked[-1] if self.taken else self.asked[0]
        tried = {"ascent": self.asked[1]} if self.tried else {}
        return self.share.facts(after) | {"step": self.asked[0], **tried, "taken": "ascent" if self.taken else "step"}
