"""What a budget is measured on, with its unit: the training loss, or the drift of a model's own retained samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.gradients import mean_loss, parameters
from gsu_cli.protocol.calibrated import Calibrated
from gsu_cli.protocol.retain_cost import DriftCost, LossCost, retain_cost
from gsu_cli.unlearning.contract import Strength, Task, Update
from gsu_cli.unlearning.unlearn import unlearn


def task_of(model: Any) -> Task:
    import contextlib

    return Task(model, tiny_world.split(), None, 3, lambda _: contextlib.nullcontext(), lambda *_: None)


@pytest.mark.parametrize(("model", "unit"), [(tiny_world.trained, "nats/image"), (tiny_diffusion.fresh, "MSE of v")])
def test_a_training_loss_is_the_cost_where_there_is_one(model: Any, unit: str) -> None:
    task = task_of(model())
    cost = retain_cost(task, 50)
    assert isinstance(cost, LossCost)
    assert (cost.unit, cost.words, cost.n, cost.looks) == (unit, "retain loss", 50, 1)
    moved = {k: v + 0.05 for k, v in parameters(task.model).items()}
    now = mean_loss(task.model, cost.images, seed=cost.seeds[0], theta=moved)
    assert cost.relative_increase(task.model, moved) == pytest.approx(now / cost.start - 1)
    assert cost.relative_increase(task.model) == 0


def test_a_loss_of_zero_is_refused() -> None:
    model = tiny_world.trained()
    model.loss = lambda x, y, generator: torch.zeros(len(x))
    with pytest.raises(UsageError, match="a budget is a share of the original's retain loss, which must not be 0"):
        retain_cost(task_of(model), 50)


def test_the_drift_is_a_share_of_the_variance_of_retained_samples() -> None:
    model = tiny_gan.taught()
    cost = retain_cost(task_of(model), 200)
    assert isinstance(cost, DriftCost)
    assert (cost.unit, cost.words) == ("share of the variance", "drift of retained samples")
    assert 0 < cost.n < 200, "samples with what is to be forgotten are left out"
    assert cost.relative_increase(model) == 0
    with torch.no_grad():
        images = model.generate(cost.kept.noise)
    variance = (images - images.mean(0)).double().square().mean()
    assert cost.variance == pytest.approx(float(variance), rel=1e-6)
    theta = {"network.head.bias": parameters(model)["network.head.bias"] + 0.2}
    now = torch.nn.functional.pixel_shuffle(torch.full((1, 4, 4, 4), 0.1), 2)  # the head's bias is halved
    with torch.no_grad():
        expected = ((model.network(cost.kept.noise) + now).clamp(0, 1) - images).square().mean() / variance
    assert cost.relative_increase(model, theta) == pytest.approx(float(expected), rel=1e-4)


def test_samples_that_are_all_alike_are_refused() -> None:
    model = tiny_gan.fresh()
    with torch.no_grad():
        for p in model.network.parameters():
            p.zero_()
    with pytest.raises(UsageError, match="must generate samples with and without what is to be forgotten|must differ"):
        retain_cost(task_of(model), 50)


def test_samples_need_their_noise() -> None:
    class Bare(torch.nn.Module):
        def sample(self, n: int, generator: torch.Generator) -> torch.Tensor:
            return torch.zeros(n, 1, 8, 8)

    with pytest.raises(
        UsageError, match=r"needs a model with a training loss, or with noise\(\) and generate\(\); found B"
    ):
        retain_cost(task_of(Bare()), 50)


def test_samples_have_one_latent_each() -> None:
    with pytest.raises(UsageError, match="`protocol.latents` must be 1 for a model without a training loss.*; found 2"):
        retain_cost(task_of(tiny_gan.fresh()), 50, latents=2)


class Shift:
    """Shifts what a GAN draws by its strength."""

    name = "shift"
    needs = ()

    def __init__(self, by: float = 0.1) -> None:
        self.by = by

    def __call__(self, task: Task) -> Update:
        with torch.no_grad():
            task.model.network.head.bias += self.by
        return Update("shift", details={"cost": {"gradient_evaluations_per_image": 1.0}})


def test_a_budget_of_a_gan_is_spent_on_drift_and_says_its_unit() -> None:
    lines: list[str] = []
    method = Calibrated(Shift, Strength("by", 1e-3, 1.0), 0.02, images=200)
    _, update = unlearn(
        tiny_gan.taught(), tiny_world.split(), method, generator=torch.Generator().manual_seed(0),
        on_trial=lines.append,
    )  # fmt: skip
    found = update.details["calibration"]
    assert 0.018 < found["relative_increase"] <= 0.02
    assert (found["unit"], found["words"]) == ("share of the variance", "drift of retained samples")
    assert "drift of retained samples +" in lines[-1]
