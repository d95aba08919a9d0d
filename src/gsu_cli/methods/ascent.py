"""Gradient ascent on the forget set, theta = theta_0 + eta g_f: the baseline of arXiv 2307.04550."""

from __future__ import annotations

from gsu_cli.checks import as_choice, as_int, as_number
from gsu_cli.gradients import mean_gradient, mean_loss
from gsu_cli.methods.base import SCOPES, Strength, Task, Update, add_, cosine, draw_images, names_in_scope
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.cost import Cost


class Ascent:
    """Full-data ascent steps, nothing retained.

    Args:
        lr: eta, step in units of the gradient of the mean forget loss, nats per image.
        scope: "all" parameters or the "generator"'s.
        shots: steps.
    """

    name = "ascent"
    needs = (HasLoss,)
    strength = Strength("lr", 1e-3, 1e2, power=1.0)

    def __init__(self, lr: float = 5e-4, scope: str = "all", shots: int = 1) -> None:
        as_number("method.lr", lr, more_than=0.0)
        as_int("method.shots", shots)
        as_choice("method.scope", scope, SCOPES)
        self.lr, self.scope, self.shots = float(lr), scope, shots

    def __call__(self, task: Task) -> Update:
        model, names = task.model, names_in_scope(task.model, self.scope)
        forget = task.split.forget_images
        check = draw_images(task.split, "retain", 5000, seed=task.stream("check"))
        update, seed, cost = Update(self.name, self.shots), task.stream("check noise"), Cost()
        parts = {"retain": check, "forget": forget}
        before = task.shared.once("before", lambda: {k: mean_loss(model, x, seed=seed) for k, x in parts.items()})

        def first() -> tuple[Vector, float | None]:
            cost.gradients += len(forget)
            g_f = mean_gradient(model, forget, names, seed=task.stream("forget", 0)).vector
            return g_f, cosine(g_f, mean_gradient(model, check, names, seed=task.stream("retain")).vector)

        for shot in range(self.shots):
            with task.stage("gradients"):
                if shot == 0:
                    g_f, update.cosine = task.shared.once("gradients", first, cost, scope=self.scope)
                else:
                    cost.gradients += len(forget)
                    g_f = mean_gradient(model, forget, names, seed=task.stream("forget", shot)).vector
            add_(model, g_f, self.lr)
            task.on_progress(shot + 1, self.shots, None)
        update.realised = {k: mean_loss(model, x, seed=seed) - before[k] for k, x in parts.items()}
        update.details["cost"] = cost.record(len(task.split.dataset.train))
        return update
