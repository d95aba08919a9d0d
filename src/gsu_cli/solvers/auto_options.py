"""What "auto" stands for in ``method.finish``, ``encoder`` and ``target``: what was found to help, where it applies.

They were found and measured on one step that forgets whole classes (docs/design/029-encoder-follows.md). Elsewhere the
step is alone and the encoder stays; what does not apply is left out, never refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import conditions_of
from gsu_cli.models.protocols import HasLoss
from gsu_cli.solvers.encoder_follows import check_encoder
from gsu_cli.solvers.solver_choice import CHOSEN, chosen_solver, refitted_last
from gsu_cli.solvers.unseen import kind_of

AUTO = "auto"
FINISH = 0.5  # share of the budget
ENOUGH = 7_000  # retained images: the budget's, and others to spare. With 3,600 a refit lost three digits of five
DAMPING = (0.1, 0.3, 1.0)  # candidates, in mean eigenvalues of each layer's Fisher
FINISHED_DAMPING = (0.3,)  # where the last layer makes up for what a step lacks


def usual_finish(model: Any, split: Split, solver: str, layers: int, shots: int) -> float | None:
    """Of a class, by one step along "kfac", `FINISH` where the decoder's last layer is ``Linear``; else None.

    Also None where fewer than `ENOUGH` images are retained.

    Args:
        model: with a decoder.
        split: what is to be forgotten.
        solver: as typed.
        layers: to refit, from the latents on.
        shots: steps.
    """
    if shots > 1 or kind_of(AUTO, split) != "class_level" or len(split.retain) < ENOUGH:
        return None
    if chosen_solver(model, split, solver, layers) != "kfac":
        return None
    try:
        layer = refitted_last(model, split)
    except UsageError:
        return None
    return FINISH if isinstance(model.decoder.get_submodule(layer), nn.Linear) else None


def usual_target(target: str, split: Split, finish: float | None) -> str:
    """Of a class, "discriminant" where its last layer is refitted and no other was typed; else as typed.

    Args:
        target: as typed.
        split: what is to be forgotten.
        finish: share of the budget that the last layer gets.
    """
    of_class = kind_of(AUTO, split) == "class_level" and split.target_attribute is None
    return "discriminant" if target == AUTO and of_class and finish is not None else target


def expects(model: Any, split: Split, shots: int, *, typed: tuple[object, ...]) -> bool:
    """Whether targets may be expectations (`solvers.where_retained`): of a class, in one step, where nothing is typed.

    Args:
        model: with a decoder; a conditional one has latents of its own for each condition.
        split: what is to be forgotten.
        shots: steps.
        typed: target, solver and finish.
    """
    of_class = kind_of(AUTO, split) == "class_level" and split.target_attribute is None
    return all(word == AUTO for word in typed) and shots == 1 and of_class and not conditions_of(model)


def usual_encoder(model: Any, split: Split, *, solver: str, shots: int, bound: str, drift_budget: float | None) -> str:
    """Of a class, after one step that the retain budget alone ends, "follows" where there are weights that can.

    Args:
        model: with a decoder.
        split: what is to be forgotten.
        solver: as typed.
        shots: steps.
        bound, drift_budget: what else may end them.
    """
    of_class = kind_of(AUTO, split) == "class_level" and split.target_attribute is None
    if shots > 1 or solver == CHOSEN or not of_class or not isinstance(model, HasLoss):
        return "kept"
    try:
        check_encoder("follows", model, split, bound, drift_budget)
    except UsageError:
        return "kept"
    return "follows"


def usual_damping(solver: str, finish: float | None) -> Sequence[float]:
    """Candidates where none were typed.

    Args:
        solver: that a decoder's step takes.
        finish: share of the budget that its last layer gets.
    """
    return FINISHED_DAMPING if solver == "kfac" and finish is not None else DAMPING
