"""A method that lies outside the package and says nothing about its strength."""

from __future__ import annotations

import torch

from gsu_cli.methods.base import Task, Update


class Still:
    """theta + amount on the last bias of the decoder."""

    name = "still"

    def __init__(self, amount: float = 0.1) -> None:
        self.amount = amount

    def __call__(self, task: Task) -> Update:
        with torch.no_grad():
            dict(task.model.named_parameters())["decoder.2.bias"].add_(self.amount)
        return Update(self.name)
