"""A method: moves the weights that generation depends on by a share of themselves."""

from __future__ import annotations

from gsu_cli.checks import as_number
from gsu_cli.gradients import parameters
from gsu_cli.methods.base import Strength, Task, Update, add_


class Fade:
    """theta - amount theta, for the parameters that generation depends on."""

    name = "fade"
    needs = ()
    strength = Strength("amount", 1e-3, 1.0, power=1.0)

    def __init__(self, amount: float = 0.1) -> None:
        self.amount = as_number("method.amount", amount, more_than=0.0)

    def __call__(self, task: Task) -> Update:
        theta = parameters(task.model, task.model.generation_parameters())
        add_(task.model, {name: -w for name, w in theta.items()}, self.amount)
        return Update(self.name)
