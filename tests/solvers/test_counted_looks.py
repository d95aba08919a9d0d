"""What a step's cost record says against what a forward hook on the decoder sees."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.solvers.leverage import SITES
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.unlearn import unlearn


class Watched(FisherSurgery):
    """The same, with the rows that pass its decoder."""

    def __call__(self, task: Task) -> Update:
        self.rows = 0

        def count(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            self.rows += len(inputs[0])

        handle = task.model.decoder.register_forward_hook(count)
        try:
            return super().__call__(task)
        finally:
            handle.remove()


@pytest.mark.parametrize(
    ("split", "options"),
    [({"sample": [4, 7]}, {}), ({"fraction": 0.2}, {}), ({}, {"encoder": "kept"}), ({}, {"encoder": "follows"})],
)
def test_looks_at_bounds_and_at_what_a_level_is_derived_from_are_counted(
    split: dict[str, Any], options: dict[str, Any]
) -> None:
    """Of single images and fractions they were more than a third of all passes, and no record had them."""
    method = Watched(**options)
    where = tiny_world.split_of(**split) if split else tiny_world.split()
    _, update = unlearn(
        tiny_world.trained(), where, method, generator=torch.Generator().manual_seed(0), diagnostics=False
    )
    cost, images = update.details["cost"], update.details["images"]
    encoded = images["retain"] + images["forget"]  # pass the encoder alone
    counted = sum(cost[kind] for kind in ("gradients", "fisher", "generated", "forward")) - encoded
    # the record's own: the budget at the end, checks before, at and after the step, and a level that ends nothing
    own = images["budget"] + 3 * (images["retain"] + images["check"]) + max(SITES, images["forget"]) + encoded
    assert method.rows - 1.1 * own <= counted <= 1.02 * method.rows, (cost, method.rows, images)
