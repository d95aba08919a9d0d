"""NegGrad+: theta -= eta (alpha g_r - (1 - alpha) g_f), both of a batch (docs/methods/neggrad_plus.md).

Source: Kurmanji, Triantafillou, Hayes and Triantafillou, "Towards Unbounded Machine Unlearning", NeurIPS 2023.
"""

from __future__ import annotations

from gsu_cli.checks import as_number
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.vectors import Vector, combine
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class NegGradPlus:
    """Descends a weighted difference of the two losses.

    Args:
        alpha: weight of the retain loss, in [0, 1]; the forget loss has ``-(1 - alpha)``.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        scope: "all" parameters or the "generator"'s.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "neggrad_plus"
    needs = (HasLoss,)
    strength = Strength("steps", 1, 1000, stop_option="retain_budget", rate="lr")

    def __init__(
        self,
        alpha: float = 0.95,
        lr: float = 1e-4,
        steps: int = 100,
        batch_size: int = 128,
        scope: str = "generator",
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        as_number("method.alpha", alpha, least=0.0, most=1.0)
        self.alpha = float(alpha)
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)

    def direction(self, g_f: Vector, g_r: Vector) -> Vector:
        """``alpha g_r - (1 - alpha) g_f``, which is descended."""
        return combine([self.alpha, self.alpha - 1.0], [g_r, g_f])

    def __call__(self, task: Task) -> Update:
        descent = Descent.of(task, self.loop)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            (L_f, g_f), (L_r, g_r) = descent.gradient("forget"), descent.gradient("retain")
            return self.direction(g_f, g_r), {"loss": float(L_r), "forget_loss": float(L_f)}

        return iterate(descent, self.name, direction)
