"""ESD: the condition learns to say the opposite of what it meant (docs/methods/esd.md).

    minimise  E |f_theta(x_t, t, c) - (u - eta (w - u))|^2 / d,   w = f_0(x_t, t, c),  u = f_0(x_t, t, null)

``f_0`` the frozen original, ``x_t`` a noised forget image, ``c`` its condition. The target weighs ``w`` and ``u`` by
``-eta`` and ``1 + eta``, which sum to 1, so it is the same target for a network that says the noise and one that says
``v``. Source: Gandikota, Materzynska, Fiotto-Kaufman and Bau, "Erasing Concepts from Diffusion Models", ICCV 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_number
from gsu_cli.errors import NotApplicableError
from gsu_cli.methods.base import Strength, Task, Update
from gsu_cli.models.decoders import site_maker
from gsu_cli.models.protocols import HasImageSites, HasNoiseLevels, TakesConditions
from gsu_cli.objectives.latents import frozen
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.classes import whole_classes
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate


class Esd:
    """Erases conditions with negative guidance.

    Args:
        eta: how far beyond the null condition the target lies, >= 0; 0 is the null condition's word.
        lr: of the optimiser.
        steps: batches of forget images.
        batch_size: images a step.
        optimiser: "adam" or "sgd".
        retain_budget: largest relative raise of the retain loss on training images; None takes all steps.
        log_every: steps between two points of the trajectory.
    """

    name = "esd"
    needs = (HasNoiseLevels, HasImageSites, TakesConditions)
    strength = Strength("lr", 1e-6, 1e-2)

    def __init__(
        self,
        eta: float = 1.0,
        lr: float = 1e-4,
        steps: int = 100,
        batch_size: int = 128,
        optimiser: str = "adam",
        retain_budget: float | None = None,
        log_every: int = 10,
    ) -> None:
        self.eta = as_number("method.eta", eta, least=0.0)
        self.loop = Loop(steps, lr, batch_size, "generator", optimiser, retain_budget, log_every)

    def __call__(self, task: Task) -> Update:
        erased = whole_classes(task.split, self.name)
        if getattr(task.model, "drop", None) == 0:
            raise NotApplicableError(
                "`method=esd` needs a model that met images without their class in training: its targets are what is "
                "said without one",
                found="a model trained with model.drop=0",
                way_out="Choose another method, or train one with model.drop=0.1",
            )
        original, descent, maker = frozen(task.model), Descent.of(task, self.loop), site_maker(task.model)

        def direction(k: int) -> tuple[Vector, dict[str, float]]:
            x, y = descent.batches["forget"].draw()
            inputs = original.sites(x, y, descent.noise).inputs
            target = opposite(original, inputs, self.eta)
            loss = maker.output_loss.nll(maker.network(*inputs), target).mean()
            descent.cost.gradients += len(x)
            descent.cost.forward += 2 * len(x)
            return descent.differentiate(loss), {"loss": float(loss.detach())}

        update = iterate(descent, self.name, direction)
        update.details["erased"] = list(erased)
        return update


@torch.no_grad()
def opposite(original: Any, inputs: Sequence[Tensor], eta: float) -> Tensor:
    """``u - eta (w - u)`` of the original's words at ``(x_t, t, s(c))``."""
    x_t, t, told = inputs
    word, null = original.network(x_t, t, told), original.network(x_t, t, torch.zeros_like(told))
    target: Tensor = null - eta * (word - null)
    return target
