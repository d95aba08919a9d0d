"""SFR-on: weighted ascent where the forget set's Fisher exceeds the retain set's, by turns with descent.

    m_j = 1 where F_f,j >= gamma F_r,j, else 0            (diagonal Fisher of forget and retain images)
    even steps:  theta += eta clip(alpha_k m g~_f),       g~_f = grad of mean_i w_i L_i,  w_i ~ 1 / L_i^adaptivity
    odd steps:   theta -= eta g_r,                        alpha_k = alpha (1 + cos(pi k / steps)) / 2

Images that the model knows well (a low loss) weigh most; the ascent fades out while the descent goes on. Source: Huang
et al., "Unified Gradient-Based Machine Unlearning with Remain Geometry Enhancement", NeurIPS 2024, arXiv 2409.19732,
and its public code. docs/methods/sfr_on.md
"""

from __future__ import annotations

import math

from torch import Tensor

from gsu_cli.checks import as_int, as_number
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Cost, Strength, Task, Update, draw_images
from gsu_cli.models.protocols import IMAGE_SITES, HasLoss
from gsu_cli.surgery.vectors import Vector, VectorLike, norm, scale
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate
from gsu_cli.unlearning.weights import share_of_weights


class SfrOn:
    """Saliency forgetting in the remain-preserving manifold, online.

    Args:
        alpha: factor on the first ascent step; falls to 0 as a half cosine.
        gamma: least ratio of the forget to the retain Fisher for a weight to take part in the ascent, > 0.
        adaptivity: power of an image's loss by which its weight falls, >= 0; 0 weighs all alike.
        max_norm: longest ascent gradient, nats per image and unit of weight.
        fisher_images: of each part, at most, for the mask.
        lr: of the optimiser.
        steps: of both kinds together.
        batch_size: images a step.
        optimiser: "sgd" keeps ascent inside of the mask; "adam" carries momentum of both kinds.
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "sfr_on"
    needs = (HasLoss, IMAGE_SITES)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        alpha: float = 10.0,
        gamma: float = 1.0,
        adaptivity: float = 1.0,
        max_norm: float = 20.0,
        fisher_images: int = 4_000,
        lr: float = 4e-4,
        steps: int = 300,
        batch_size: int = 128,
        optimiser: str = "sgd",
        retain_budget: float | None = None,
        log_every: int = 20,
    ) -> None:
        as_number("method.alpha", alpha, more_than=0.0)
        as_number("method.gamma", gamma, more_than=0.0)
        as_number("method.adaptivity", adaptivity, least=0.0)
        as_number("method.max_norm", max_norm, more_than=0.0)
        as_int("method.fisher_images", fisher_images, 1)
        self.alpha, self.gamma, self.adaptivity = float(alpha), float(gamma), float(adaptivity)
        self.max_norm, self.fisher_images = float(max_norm), fisher_images
        self.loop = Loop(steps, lr, batch_size, "generator", optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        descent = Descent.of(task, self.loop)
        F = task.shared.once("fisher", lambda: self._fisher(task, descent.cost), descent.cost, n=self.fisher_images)
        mask = salient(F["forget"], F["retain"], self.gamma)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            if k % 2:
                L_r, g_r = descent.gradient("retain")
                return g_r, {"loss": float(L_r)}
            x, y = descent.batches["forget"].draw()
            losses = task.model.loss(x, y, descent.noise)
            descent.cost.gradients += len(x)
            g = descent.differentiate((weigh(losses, self.adaptivity) * losses).mean())
            alpha = self.alpha * (1 + math.cos(math.pi * k / self.loop.steps)) / 2
            v = {key: alpha * mask[key] * value for key, value in g.items()}
            length = norm(v)
            clip = min(1.0, self.max_norm / length) if length > 0 else 1.0
            return scale(v, -clip), {"forget_loss": float(losses.detach().mean()), "alpha": alpha, "clip": clip}

        update = iterate(descent, self.name, direction)
        update.details["mask_share"] = share_of_weights(mask)
        return update

    def _fisher(self, task: Task, cost: Cost) -> dict[str, Vector]:
        """Of both parts."""
        F = dict[str, Vector]()
        with task.stage("statistics"):
            for part in ("forget", "retain"):
                images = draw_images(task.split, part, self.fisher_images, seed=task.stream("fisher images", part))
                F[part] = diagonal_fisher(task.model, images, seed=task.stream("fisher", part))
                cost.fisher += len(images)
        return F


def weigh(losses: Tensor, adaptivity: float) -> Tensor:
    """``w_i = n L_i^-adaptivity / sum_j L_j^-adaptivity``, without a graph; their mean is 1.

    Raises:
        UsageError: a loss that is not positive has no such weight.

    >>> import torch
    >>> weigh(torch.tensor([1.0, 3.0]), 1.0)
    tensor([1.5000, 0.5000])
    """
    values = losses.detach()
    if adaptivity and not bool((values > 0).all()):
        raise UsageError(
            "weights by loss need losses > 0",
            found=f"{float(values.min()):.4g} nats",
            way_out="Set method.adaptivity=0, which weighs all images alike",
        )
    w = (values / values.mean()).pow(-adaptivity) if adaptivity else values.new_ones(len(values))
    return w / w.mean()


def salient(F_f: VectorLike, F_r: VectorLike, gamma: float) -> Vector:
    """1 where ``F_f >= gamma F_r`` and ``F_f`` is not 0, else 0.

    >>> import torch
    >>> salient({"w": torch.tensor([2.0, 1.0, 0.0])}, {"w": torch.tensor([1.0, 2.0, 0.0])}, 1.0)
    {'w': tensor([1., 0., 0.])}
    """
    return {k: ((f >= gamma * F_r[k]) & (f > 0)).to(f.dtype) for k, f in F_f.items()}
