"""Influence-function removal: the Newton step of the retain loss at the original's optimum (docs/methods/newton.md).

    theta = theta_0 + (n_f / n_r) (F_r + lambda I)^-1 g_f,    g_f the mean gradient of the forget loss

At an optimum of the whole loss the retain gradients sum to minus the forget gradients, so one Newton step on the retain
loss is a step along the *forget* gradient: exact for a quadratic loss. Source: Koh and Liang, ICML 2017, section 2; Guo
et al., "Certified Data Removal", ICML 2020. H_r is the Kronecker-factored Fisher of the decoder.
"""

from __future__ import annotations

from gsu_cli.checks import as_int, as_number
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.gradients import mean_gradient
from gsu_cli.methods.base import Strength, Task, Update, add_, cosine, draw_images
from gsu_cli.models.decoders import check_network
from gsu_cli.models.frozen import generating
from gsu_cli.models.protocols import IMAGE_SITES, HasLoss
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.check_losses import CheckLosses
from gsu_cli.unlearning.cost import Cost


class Newton:
    """One step; nothing is chosen but the damping.

    Args:
        damping: lambda, in mean eigenvalues of each layer's Fisher, > 0.
        retain_images: at most, for the Fisher.
        strength: factor on the step; 1 is the formula.
    """

    name = "newton"
    needs = (HasLoss, IMAGE_SITES)
    strength = Strength("strength", 1e-2, 1e2, power=1.0)

    def __init__(self, damping: float = 0.1, retain_images: int = 10_000, strength: float = 1.0) -> None:
        as_number("method.damping", damping, more_than=0.0)
        as_number("method.strength", strength, more_than=0.0)
        as_int("method.retain_images", retain_images, 1)
        self.damping, self.retain_images, self.factor = float(damping), retain_images, float(strength)

    def __call__(self, task: Task) -> Update:
        model, split = task.model, task.split
        check_network(model)
        names = generating(model)
        retain = draw_images(split, "retain", self.retain_images, seed=task.stream("retain"))
        forget = split.forget_images
        checks = CheckLosses.of(task)
        cost = Cost()

        def look() -> tuple[dict[str, float], float | None, Vector]:
            before = checks.now()
            with task.stage("gradients"):
                g_f = mean_gradient(model, forget, names, seed=task.stream("forget")).vector
                g_r = mean_gradient(model, checks.images["retain"], names, seed=checks.seeds["retain"]).vector
            with task.stage("statistics"):
                fisher = kronecker_fisher(model, retain, names, seed=task.stream("fisher"), ekfac=False)
            cost.gradients, cost.fisher = len(forget), len(retain)
            with task.stage("step"):
                return before, cosine(g_f, g_r), fisher.inverse(self.damping, damping_scope="layer").apply(g_f)

        options = {"damping": self.damping, "retain_images": self.retain_images}
        before, angle, d = task.shared.once("direction", look, cost, **options)
        with task.stage("step"):
            add_(model, d, self.factor * split.n_forget / split.n_retain)
        update = Update(self.name, cosine=angle, realised=checks.rises(before))
        update.details = {"cost": cost.record(len(split.dataset.train))}
        return update
