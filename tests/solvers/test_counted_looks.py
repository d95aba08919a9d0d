"""What a step's cost record says against what a forward hook on the decoder sees."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

import tiny_diffusion
import tiny_world
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.solvers.leverage import SITES
from gsu_cli.unlearning.contract import Task, Update
from gsu_cli.unlearning.shared import Shared
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


class Differentiated(FisherSurgery):
    """The same, with the rows that pass its network, and back through it, but for those that the record alone needs."""

    def __call__(self, task: Task) -> Update:
        self.rows, self.passed, stages = 0, 0, [""]

        @contextlib.contextmanager
        def stage(name: str) -> Iterator[None]:
            stages.append(name)
            with task.stage(name):
                yield
            stages.pop()

        def count(module: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
            def back(gradient: torch.Tensor) -> None:
                self.rows += len(gradient)

            if stages[-1] not in ("", "prediction"):
                self.passed += len(inputs[0])
                if output.requires_grad:
                    output.register_hook(back)

        network = task.model.network if isinstance(task.model, Ddpm) else task.model.decoder
        handle = network.register_forward_hook(count)
        try:
            return super().__call__(replace(task, stage=stage))
        finally:
            handle.remove()


@pytest.mark.parametrize("options", [{"solver": "kfac"}, {"solver": "gauss_newton", "iterations": 3}])
def test_later_steps_count_as_many_gradients_as_there_are_others_to_spare(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They spare other images than the budget's, which are fewer in a small set: as many were counted as at first."""
    monkeypatch.setattr("gsu_cli.unlearning.images.LEAST_OTHERS", 100)
    method = Differentiated(shots=3, bound="none", encoder="kept", budget_images=300, retain_images=300, **options)
    split = tiny_world.split()
    _, update = unlearn(
        tiny_world.trained(), split, method, generator=torch.Generator().manual_seed(0), diagnostics=False
    )
    cost = update.details["cost"]
    others = len(split.retain) - 300
    assert 0 < others < 300
    assert cost["fisher"] == 300 + 2 * others
    assert cost["gradients"] + cost["fisher"] + cost["double_backward"] == method.rows


@pytest.mark.parametrize(
    ("split", "options"),
    [
        ({"class_": 1}, {}),
        ({"fraction": 0.2}, {}),
        ({"sample": [4, 7]}, {}),
        ({"class_": 1}, {"shots": 3, "budget_images": 300, "retain_images": 300}),
    ],
)
def test_a_denoiser_counts_each_pass_once(
    split: dict[str, Any], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsu_cli.unlearning.images.LEAST_OTHERS", 100)
    method, shared = Differentiated(**options), Shared(keeps=True)
    found = []
    for _ in range(2):
        shared.begin()
        _, update = unlearn(
            tiny_diffusion.trained(), tiny_world.split_of(**split), lambda task: method(replace(task, shared=shared)),
            generator=torch.Generator().manual_seed(0), diagnostics=False,
        )  # fmt: skip
        found.append((update.details["cost"], method.rows, method.passed))
    (cost, back, passed), (again, _, fewer) = found
    differentiated = cost["gradients"] + cost["fisher"]
    assert differentiated == back
    assert differentiated + cost["forward"] == passed
    assert again == cost, "each as if by itself"
    assert shared.spared.fisher + shared.spared.forward == passed - fewer > 0
