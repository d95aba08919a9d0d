"""Conflict surgery: one full-data ascent step, projected only where it would raise the retain loss.

    d = g_f                                    when g_f.g_r <= 0 (the raw step already lowers L_r),
    d = g_f - (g_f.g_r / g_r.g_r) g_r          otherwise;        theta = theta_0 + eta d

Source of the test: Chaudhry et al., A-GEM, ICLR 2019, section 4. docs/methods/conflict_surgery.md says when it differs
from gradient surgery: when the two gradients point apart, projecting would give a gain back.
"""

from __future__ import annotations

from gsu_cli.checks import as_choice, as_int, as_number
from gsu_cli.gradients import LossGradient, mean_gradient
from gsu_cli.methods.base import SCOPES, Strength, Task, Update, add_, cosine, names_in_scope
from gsu_cli.models.protocols import HasLoss
from gsu_cli.surgery.conflict import project_conflicts
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.check_losses import CheckLosses
from gsu_cli.unlearning.cost import Cost

CHECK_IMAGES = 5000  # of each part, at most, for realised losses


class ConflictSurgery:
    """A-GEM's rule for a forget step.

    Args:
        lr: eta, step in units of the gradient of the mean loss, nats per image.
        scope: "all" parameters or the "generator"'s.
        shots: steps, gradients taken anew for each.
    """

    name = "conflict_surgery"
    needs = (HasLoss,)
    strength = Strength("lr", 1e-3, 1e2, power=1.0)

    def __init__(self, lr: float = 5e-4, scope: str = "all", shots: int = 1) -> None:
        as_number("method.lr", lr, more_than=0.0)
        as_int("method.shots", shots)
        as_choice("method.scope", scope, SCOPES)
        self.lr, self.scope, self.shots = float(lr), scope, shots

    def __call__(self, task: Task) -> Update:
        model, split, names = task.model, task.split, names_in_scope(task.model, self.scope)
        forget, retain = split.forget_images, split.retain_images
        checks = CheckLosses.of(task, CHECK_IMAGES)
        before = task.shared.once("before", checks.now)
        update, cost, projected = Update(self.name, self.shots), Cost(), []

        def gradients(shot: int) -> tuple[Vector, LossGradient]:
            cost.gradients += len(forget) + len(retain)
            with task.stage("gradients"):
                g_f = mean_gradient(model, forget, names, seed=task.stream("forget", shot)).vector
                return g_f, mean_gradient(model, retain, names, seed=task.stream("retain", shot))

        for shot in range(self.shots):
            first = shot == 0  # later ones depend on the step before
            g_f, g_r = (
                task.shared.once("gradients", lambda: gradients(0), cost, scope=self.scope)
                if first
                else gradients(shot)
            )
            projection = project_conflicts(g_f, [g_r.vector])
            projected.append(projection.rank == 1)
            if first:
                update.cosine, update.surviving_share = cosine(g_f, g_r.vector), projection.surviving
            add_(model, projection.direction, self.lr)
            task.on_progress(shot + 1, self.shots, g_r.loss)
        update.realised = checks.rises(before)
        update.details = {"projected": projected, "cost": cost.record(len(split.dataset.train))}
        return update
