"""Norm-fixed NegGrad: descend g_r - s g_f with s |g_f| = share |g_r| (docs/methods/siss_norm.md).

Source: Alberti, Hasanaliyev, Shah and Ermon, "Data Unlearning in Diffusion Models", ICLR 2025 (SISS), whose ascent term
is held at a tenth of the descent term's norm.
"""

from __future__ import annotations

from gsu_cli.checks import as_number
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.vectors import Vector, combine, norm
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class SissNorm:
    """However large the forget gradient grows, its share of the step stays.

    Args:
        share: norm of the ascent term over that of the retain gradient, > 0.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        scope: "all" parameters or the "generator"'s.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "siss_norm"
    needs = (HasLoss,)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        share: float = 0.1,
        lr: float = 1e-4,
        steps: int = 200,
        batch_size: int = 128,
        scope: str = "all",
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 20,
    ) -> None:
        as_number("method.share", share, more_than=0.0)
        self.share = float(share)
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)

    def direction(self, g_f: Vector, g_r: Vector) -> tuple[Vector, float]:
        """``g_r - s g_f`` and ``s``; where ``g_f`` vanishes there is nothing to ascend and ``s`` is 0."""
        length = norm(g_f)
        s = self.share * norm(g_r) / length if length > 0 else 0.0
        return combine([1.0, -s], [g_r, g_f]), s

    def __call__(self, task: Task) -> Update:
        descent = Descent.of(task, self.loop)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            (L_f, g_f), (L_r, g_r) = descent.gradient("forget"), descent.gradient("retain")
            v, s = self.direction(g_f, g_r)
            return v, {"loss": float(L_r), "forget_loss": float(L_f), "scale": s}

        return iterate(descent, self.name, direction)
