from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tiny_diffusion
import tiny_world
from gsu_cli.errors import NotApplicableError, UsageError
from gsu_cli.methods.esd import Esd, opposite
from gsu_cli.objectives.denoise import noised_sites
from gsu_cli.unlearning.unlearn import unlearn


def run(method: Esd, model: Any, split: Any = None) -> Any:
    return unlearn(
        model, split or tiny_world.split(), method, generator=torch.Generator().manual_seed(0), diagnostics=False
    )


class Says(nn.Module):
    """``3 x + 10 s_0``: at the null condition 3 x."""

    def network(self, x: Tensor, t: Tensor, told: Tensor) -> Tensor:
        return 3 * x + 10 * told[:, :1, None, None]


def test_the_target_by_hand() -> None:
    x, told = torch.ones(2, 1, 1, 1), torch.tensor([[1.0], [0.0]])
    # word 13, null 3: 3 - 2 (13 - 3) = -17; where nothing was told both say 3
    assert opposite(Says(), (x, torch.zeros(2), told), 2.0).flatten().tolist() == [-17.0, 3.0]
    assert opposite(Says(), (x, torch.zeros(2), told), 0.0).flatten().tolist() == [3.0, 3.0]


def test_a_network_that_says_v_has_the_same_target_as_one_that_says_the_noise() -> None:
    model = tiny_diffusion.conditional()
    made = noised_sites(model, tiny_world.split().forget_images, seed=0)
    x, t, _told = made.inputs
    a, s = model.levels(t)

    class SaysNoise(nn.Module):
        """The same knowledge in other words: eps = a v + s x_t."""

        def network(self, x: Tensor, t: Tensor, told: Tensor) -> Tensor:
            noise: Tensor = a * model.network(x, t, told) + s * x
            return noise

    with torch.no_grad():
        v, eps = opposite(model, made.inputs, 1.0), opposite(SaysNoise(), made.inputs, 1.0)
    torch.testing.assert_close(a * v + s * x, eps, rtol=1e-4, atol=1e-4)


def test_the_loss_is_a_mean_over_pixels() -> None:
    """At first the distance to the target is ``(1 + eta) (w - u)``."""
    model = tiny_diffusion.conditional()
    loss = run(Esd(eta=1.0, steps=1, lr=1e-9, batch_size=1000), model)[1].details["per_step"]["loss"][0]
    x, t, told = noised_sites(model, tiny_world.split().forget_images, seed=0).inputs
    with torch.no_grad():
        apart = model.network(x, t, told) - model.network(x, t, torch.zeros_like(told))
    assert loss == pytest.approx(float(4 * apart.square().mean()), rel=0.2)  # other noise


def test_the_target_stands_still_while_the_model_moves() -> None:
    """A target that is taken from the moving model runs away: the word ends many times further out than ``-eta``."""
    model = tiny_diffusion.conditional()
    moved, update = run(Esd(eta=1.0, steps=100, lr=7e-3, batch_size=32), model)
    x, t, told = noised_sites(model, tiny_world.split().forget_images, seed=1).inputs
    with torch.no_grad():
        u, w = (model.network(x, t, c) for c in (torch.zeros_like(told), told))
        new = moved.network(x, t, told)
    reached = float(((new - u) * (w - u)).sum() / (w - u).square().sum())
    assert -1.4 < reached < -0.5
    assert update.details["erased"] == [1]


def test_a_condition_that_means_nothing_has_nothing_to_erase() -> None:
    model = tiny_diffusion.conditional()
    with torch.no_grad():
        model.network.condition.weight.zero_()
    moved, update = run(Esd(steps=3, optimiser="sgd", lr=1.0), model)
    assert update.details["per_step"]["loss"] == [0.0, 0.0, 0.0]
    assert tiny_world.same(tiny_world.weights(model), tiny_world.weights(moved))


def test_an_unconditional_model_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="`method=esd` needs a model with conditions; found Ddpm"):
        run(Esd(steps=1), tiny_diffusion.fresh())


@pytest.mark.parametrize("forget", [{"sample": [3]}, {"class_": 1, "fraction": 0.5}])
def test_less_than_a_class_is_refused(forget: dict[str, Any]) -> None:
    with pytest.raises(NotApplicableError, match="`method=esd` erases a condition, so .* must be whole classes; found"):
        run(Esd(steps=1), tiny_diffusion.conditional(), tiny_world.split_of(**forget))


@pytest.mark.parametrize("options", [{"eta": -1.0}, {"eta": float("nan")}, {"steps": 0}, {"lr": 0}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        Esd(**options)
