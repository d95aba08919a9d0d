"""UNO: descend the retain loss while pushing its gradient orthogonal to the forget gradient (docs/methods/uno.md).

    minimise  L_r + weight cos^2(g_f, g_r)   over batches; the penalty's gradient needs a double backward

Source: Mandal and Gottwald, arXiv 2506.04712. ``alternate=true`` is their UNO-S: every other step is retain surgery.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.checks import as_flag, as_number
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class Uno:
    """Orthogonality as a penalty.

    Args:
        weight: of the squared cosine, >= 0; 0 is fine-tuning.
        alternate: odd steps descend the objective, even steps take retain surgery.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        scope: "all" parameters or the "generator"'s.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "uno"
    needs = (HasLoss,)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        weight: float = 1e3,
        alternate: bool = False,
        lr: float = 1e-3,
        steps: int = 53,
        batch_size: int = 128,
        scope: str = "all",
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 5,
    ) -> None:
        as_number("method.weight", weight, least=0.0)
        self.weight, self.alternate = float(weight), as_flag("method.alternate", alternate)
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        descent = Descent.of(task, self.loop)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            if self.alternate and k % 2:
                (L_f, g_f), (L_r, g_r) = descent.gradient("forget"), descent.gradient("retain")
                v = project_out(g_r, [g_f]).direction
                return v, {
                    "loss": float(L_r),
                    "forget_loss": float(L_f),
                    "cosine": float(cosine_squared(g_f, g_r)) ** 0.5,
                }
            L_f, g_f = descent.gradient("forget", create_graph=True)
            L_r, g_r = descent.gradient("retain", create_graph=True)
            squared = cosine_squared(g_f, g_r)
            descent.cost.double_backward += sum(batches.size for batches in descent.batches.values())
            v = descent.differentiate(L_r + self.weight * squared)
            found = {"loss": float(L_r.detach()), "forget_loss": float(L_f.detach())}
            return v, {**found, "cosine": float(squared.detach()) ** 0.5}

        return iterate(descent, self.name, direction)


def cosine_squared(g_f: Vector, g_r: Vector) -> Tensor:
    """``(g_f.g_r)^2 / (g_f.g_f g_r.g_r)``, differentiable; 0 where one of them vanishes."""

    def inner(a: Vector, b: Vector) -> Tensor:
        return torch.stack([(a[k] * b[k]).sum() for k in a]).sum()

    scale = inner(g_f, g_f) * inner(g_r, g_r)
    return inner(g_f, g_r).square() / scale.clamp(min=torch.finfo(scale.dtype).tiny)
