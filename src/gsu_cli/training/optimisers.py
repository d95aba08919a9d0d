"""Who takes a step of training: AdamW for a model with one loss, or the optimisers that a model asks for.

Two networks that learn against each other have a loss each. Both losses are of one batch and the same weights, each
optimiser lowers its own, and then all take their step.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.models.protocols import Trainable
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.precision import rounding_to, widened
from gsu_cli.surgery.ranks import ranks
from gsu_cli.surgery.uncompiled import AdamW
from gsu_cli.training.recipe import Recipe


class Optimisers:
    """The optimisers of a model under one-cycle schedules, with the state of one of them.

    Args:
        model: offers ``loss(x, y, generator) -> (n,)``, or is `Trainable`.
        recipe: peak learning rate, weight decay.
        steps: of the whole training.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, steps: int) -> None:
        self.model, self.several = model, isinstance(model, Trainable)
        self.precise = partial(rounding_to, recipe.precision, device_of(model))
        if self.several and recipe.precision != "float32":
            raise UsageError(
                "networks that learn against each other must do so in float32",
                found=f"precision={recipe.precision}",
                way_out="Leave it out: their losses differentiate gradients, which bfloat16 is too coarse for",
            )
        if isinstance(model, Trainable):
            self.each = model.optimisers(recipe)
        else:
            self.each = [AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)]
        # a model that asks for optimisers of its own has chosen their momentum
        self.schedules = [
            torch.optim.lr_scheduler.OneCycleLR(o, recipe.lr, total_steps=steps + 1, cycle_momentum=not self.several)
            for o in self.each
        ]

    def parameters(self) -> list[nn.Parameter]:
        """Those of all, in order."""
        return [p for o in self.each for group in o.param_groups for p in group["params"]]

    def backward(self, x: Tensor, y: Tensor, generator: torch.Generator) -> float:
        """Gradients for the next `step`; the sum of the losses of the batch, which may not be finite.

        One loss is shared out among ranks; several, which are not means over images, each rank takes for itself.
        """
        model: Any = self.model
        if not self.several:

            def losses_of(rows: slice) -> Tensor:
                with self.precise():
                    found: Tensor = model.loss(x[rows], y[rows], generator)
                return widened(found)

            return ranks().backward(losses_of, len(x), self.parameters(), generator)
        losses = model.losses(x, y, generator)
        value = sum(float(loss.detach()) for loss in losses)
        for k, (loss, o) in enumerate(zip(losses, self.each, strict=True)):
            own = [p for group in o.param_groups for p in group["params"] if p.requires_grad]
            for p, g in zip(own, torch.autograd.grad(loss, own, retain_graph=k + 1 < len(losses)), strict=True):
                p.grad = g
        return value

    def step(self) -> None:
        """All take their step, and their schedules go on."""
        for o, schedule in zip(self.each, self.schedules, strict=True):
            o.step()
            schedule.step()

    def state_dict(self) -> dict[str, Any]:
        """As one optimiser over all parameters has it, those of each optimiser counted on."""
        state, groups, first = dict[int, Any](), list[dict[str, Any]](), 0
        for o in self.each:
            inner = o.state_dict()
            state |= {first + i: slots for i, slots in inner["state"].items()}
            groups += [{**g, "params": [first + i for i in g["params"]]} for g in inner["param_groups"]]
            first = 1 + max(i for g in groups for i in g["params"])
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, found: dict[str, Any]) -> None:
        """Takes what `state_dict` gave."""
        groups = list(found["param_groups"])
        for o in self.each:
            own, groups = groups[: len(o.param_groups)], groups[len(o.param_groups) :]
            first = min(i for g in own for i in g["params"])
            kept = {i for g in own for i in g["params"]}
            o.load_state_dict(
                {
                    "state": {i - first: slots for i, slots in found["state"].items() if i in kept},
                    "param_groups": [{**g, "params": [i - first for i in g["params"]]} for g in own],
                }
            )

    def schedule_state(self) -> dict[str, Any]:
        """Of the schedules, which go in step; plain numbers."""
        state = self.schedules[0].state_dict()
        return {k: v for k, v in state.items() if isinstance(v, int | float | list)}

    def load_schedule_state(self, state: dict[str, Any]) -> None:
        """Takes what `schedule_state` gave."""
        for schedule in self.schedules:
            schedule.load_state_dict(state)
