"""EraseDiff: a low retain loss, subject to a forget loss that few steps cannot lower (docs/methods/erasediff.md).

    minimise  L_r(theta)  subject to  q(theta) = F(theta) - F(phi) <= 0,   phi = K steps of descent of F from theta
    theta <- theta - lr (g_r + lambda g_F),   lambda = max(0, [q > 0] eta - g_r.g_F / g_F.g_F)

``F`` is the denoising loss of noised forget images whose noise the network is to take for uniform noise; ``phi`` stands
still while ``theta`` is differentiated. While the constraint is open, ``F`` falls at least at the rate ``eta |g_F|^2``;
once it holds, ``F`` may not rise. Sources: Wu, Le, Hayat and Harandi, CVPR 2025, arXiv 2401.05779; the multiplier
after Ye, Liu, Wright, Stone and Liu, "BOME! Bilevel Optimization Made Easy", NeurIPS 2022.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_int, as_number
from gsu_cli.gradients import parameters
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.protocols import HasImageSites, HasLoss, HasNoiseLevels
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.latents import frozen
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.devices import uniform
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import Vector, add_scaled, combine, dot
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class EraseDiff:
    """Two levels: the retain loss above, the loss of a wrong noise below.

    Args:
        eta: share of ``|g_F|^2`` at which the forget objective falls at least, > 0.
        inner_steps: K, >= 1.
        inner_lr: of the plain descent that finds ``phi``, > 0.
        lr: of the optimiser.
        steps: batches of each part.
        batch_size: images of each part a step.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "erasediff"
    needs = (HasLoss, HasNoiseLevels, HasImageSites)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        eta: float = 0.1,
        inner_steps: int = 1,
        inner_lr: float = 1e-4,
        lr: float = 1e-4,
        steps: int = 100,
        batch_size: int = 128,
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        self.eta = as_number("method.eta", eta, more_than=0.0)
        self.inner_steps = as_int("method.inner_steps", inner_steps, 1)
        self.inner_lr = as_number("method.inner_lr", inner_lr, more_than=0.0)
        self.loop = Loop(steps, lr, batch_size, "generator", optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        original, descent = frozen(task.model), Descent.of(task, self.loop)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            x, y = descent.batches["forget"].draw()
            wrong = SiteLoss(task.model, mistaken(original, x, y, descent.noise), "the forget objective")
            g_F, q, value = self.gap(wrong, parameters(task.model, descent.names))
            L_r, g_r = descent.gradient("retain")
            factor = multiplier(g_r, g_F, self.eta if q > 0 else 0.0)
            descent.cost.gradients += self.inner_steps * len(x)
            descent.cost.forward += len(x)
            return combine([1.0, factor], [g_r, g_F]), {
                "loss": float(L_r), "wrong_noise_loss": value, "gap": q, "multiplier": factor,
            }  # fmt: skip

        return iterate(descent, self.name, direction)

    def gap(self, loss: SiteLoss, theta: Vector) -> tuple[Vector, float, float]:
        """``g_F``, ``q`` and ``F`` at ``theta``; the first inner step has the gradient that the outer one needs."""
        here = accumulate_gradient(loss.blocks(), theta)
        phi, g = theta, here.vector
        for step in range(self.inner_steps):
            g = g if step == 0 else accumulate_gradient(loss.blocks(), phi).vector
            phi = add_scaled(phi, -self.inner_lr, g)
        return here.vector, here.loss - loss.mean(phi), here.loss


@torch.no_grad()
def mistaken(model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Sites:
    """Noised images as training makes them, and what would be right to say if their noise had been uniform in [0, 1].

    Args:
        model: a denoiser in eval mode.
        x, y: images ``(n, c, h, w)`` in [0, 1], and labels.
        generator: of times, noise and, after these, the uniform noise.
    """
    made = model.sites(x, y, generator)
    t, x_0 = made.inputs[1], 2 * x - 1
    a, s = model.levels(t)
    other = a * x_0 + s * uniform(tuple(x.shape), generator, x)
    return Sites(made.inputs, model.output_for(other, t, x_0))


def multiplier(g_r: Vector, g_f: Vector, eta: float) -> float:
    """``max(0, eta - g_r.g_f / g_f.g_f)``; 0 where ``g_f`` vanishes.

    >>> multiplier({"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([-2.0, 0.0])}, 0.1)
    0.6
    """
    length = dot(g_f, g_f)
    return max(0.0, eta - dot(g_r, g_f) / length) if length > 0 else 0.0
