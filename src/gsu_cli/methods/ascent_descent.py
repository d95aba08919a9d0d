"""Ascent and descent by turns: theta += eta g_f, then theta -= eta g_r (docs/methods/ascent_descent.md)."""

from __future__ import annotations

from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.vectors import Vector, scale
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class AscentDescent:
    """Odd steps climb the forget loss, even steps descend the retain loss, one batch each.

    Args:
        lr: eta, step in units of a batch's mean gradient, nats per image (sgd), or of Adam.
        steps: of both kinds together.
        batch_size: images a step.
        scope: "all" parameters or the "generator"'s.
        optimiser: "sgd" is the formula; "adam" rescales it.
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "ascent_descent"
    needs = (HasLoss,)
    strength = Strength("steps", 1, 1000, stop_option="retain_budget", rate="lr")

    def __init__(
        self,
        lr: float = 2e-4,
        steps: int = 100,
        batch_size: int = 128,
        scope: str = "generator",
        optimiser: str = "sgd",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        self.loop = Loop(steps, lr, batch_size, scope, optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        descent = Descent.of(task, self.loop)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            if k % 2:
                loss, g = descent.gradient("retain")
                return g, {"loss": float(loss)}
            loss, g = descent.gradient("forget")
            return scale(g, -1.0), {"loss": float(loss)}

        return iterate(descent, self.name, direction)
