"""Steps that the budget allows, and which of them is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from gsu_cli.surgery.steps import StepSearch
from gsu_cli.surgery.vectors import Vector

TIE = 0.05
"""Share of the best decrease of the redirect loss within which dampings, layers and lengths count as equal."""


@dataclass(frozen=True)
class Candidate:
    """A direction, the step the budget allows, the one taken, and the redirect loss it reaches.

    ``mu`` is what a nat of the retain loss costs in nats of the redirect loss, or the weight of what is to stay in the
    refit of ``layer``, which ``images`` passed and which is taken ``length`` times. ``solver`` found it, where several
    did, and ``share`` of the model's own samples show what is to be forgotten after the step, where that was asked
    (see `own_share`). ``estimated`` ones were not measured whole: they may be listed, not taken. ``losses`` are the
    retain losses of the sites after the step, where they are known. What a solver does not have is None, or 0.
    """

    direction: Vector
    search: StepSearch
    step: float
    step_within: float
    redirect_loss: float
    damping: float | None = None
    surviving: float | None = None
    mu: float | None = None
    layer: str | None = None
    length: float | None = None
    images: int = 0
    solver: str | None = None
    share: float | None = None
    estimated: bool = False
    losses: Tensor | None = None


def choose(found: Sequence[Candidate], before: float) -> Candidate:
    """Of those that lower the redirect loss nearly as far as the best, the most damped, or the last.

    Equal on what they were fitted to, the more damped and the refits of deeper layers keep better what they were not;
    the longer refit leaves less to be seen.
    """
    most = max(before - c.redirect_loss for c in found)
    close = [(c.damping or 0.0, i) for i, c in enumerate(found) if before - c.redirect_loss >= most - TIE * abs(most)]
    return found[max(close)[1]]
