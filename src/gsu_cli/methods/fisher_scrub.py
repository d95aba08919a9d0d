"""Fisher forgetting: noise where the retain set does not mind, and no step at all (docs/methods/fisher_scrub.md).

    theta_j = theta_0j + N(0, alpha min(1 / F_j, clamp)),   F the diagonal Fisher of the retain set

Source: Golatkar, Achille and Soatto, "Eternal Sunshine of the Spotless Net", CVPR 2020.
"""

from __future__ import annotations

import torch

from gsu_cli.checks import as_int, as_number
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.methods.base import Strength, Task, Update, add_, draw_images
from gsu_cli.models.protocols import IMAGE_SITES, HasLoss
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import normal
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.check_losses import CheckLosses
from gsu_cli.unlearning.cost import Cost


class FisherScrub:
    """Samples the decoder's weights once from a Gaussian around the original's.

    Args:
        alpha: scale of the variance, > 0.
        clamp: largest ``1 / F``; weights without any Fisher get this one.
        retain_images: at most, for the Fisher.
    """

    name = "fisher_scrub"
    needs = (HasLoss, IMAGE_SITES)
    strength = Strength("alpha", 1e-8, 1e-2, power=0.5)

    def __init__(self, alpha: float = 1e-6, clamp: float = 1e3, retain_images: int = 10_000) -> None:
        as_number("method.alpha", alpha, more_than=0.0)
        as_number("method.clamp", clamp, more_than=0.0)
        as_int("method.retain_images", retain_images, 1)
        self.alpha, self.clamp, self.retain_images = float(alpha), float(clamp), retain_images

    def variance(self, F: torch.Tensor) -> torch.Tensor:
        """``alpha min(1 / F, clamp)``."""
        return self.alpha / F.clamp(min=1 / self.clamp)

    def __call__(self, task: Task) -> Update:
        retain = draw_images(task.split, "retain", self.retain_images, seed=task.stream("retain"))
        checks = CheckLosses.of(task)
        cost = Cost()

        def look() -> tuple[dict[str, float], Vector]:
            before = checks.now()
            cost.fisher += len(retain)
            with task.stage("statistics"):
                return before, diagonal_fisher(task.model, retain, seed=task.stream("fisher"), targets="model")

        before, F = task.shared.once("fisher", look, cost, retain_images=self.retain_images)
        with task.stage("step"):
            noise = generator(task.stream("noise"))
            moved = {k: self.variance(f).sqrt() * normal(f.shape, noise).to(f.device) for k, f in F.items()}
            add_(task.model, moved, 1.0)
        clamped = sum(int((f < 1 / self.clamp).sum()) for f in F.values())
        update = Update(self.name, realised=checks.rises(before))
        update.details = {
            "clamped_share": clamped / sum(f.numel() for f in F.values()),
            "cost": cost.record(len(task.split.dataset.train)),
        }
        return update
