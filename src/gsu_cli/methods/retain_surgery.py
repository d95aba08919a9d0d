"""Retain surgery: fine-tuning that may not lower the forget loss (docs/methods/retain_surgery.md).

    theta -= eta [g_r - (g_r.g_f / g_f.g_f) g_f]

Source: "S" in Mandal and Gottwald, UNO, arXiv 2506.04712.
"""

from __future__ import annotations

from gsu_cli.methods.base import Strength, Task, Update, cosine
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class RetainSurgery:
    """Descends the retain gradient with the forget gradient projected out.

    Args:
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        scope: "all" parameters or the "generator"'s.
        optimiser: "adam", the paper's, whose rescaling ends the orthogonality; "sgd" keeps it.
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "retain_surgery"
    needs = (HasLoss,)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        lr: float = 1e-3,
        steps: int = 53,
        batch_size: int = 128,
        scope: str = "all",
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 5,
    ) -> None:
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        descent = Descent.of(task, self.loop)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            (L_f, g_f), (L_r, g_r) = descent.gradient("forget"), descent.gradient("retain")
            v = project_out(g_r, [g_f]).direction
            return v, {"loss": float(L_r), "forget_loss": float(L_f), "cosine": cosine(g_f, g_r) or 0.0}

        return iterate(descent, self.name, direction)
