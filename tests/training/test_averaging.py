"""The average of weights: a real average, kept through a stop, and what training hands on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import tiny_diffusion
import tiny_world
from gsu_cli.errors import CheckpointError
from gsu_cli.surgery.uncompiled import AdamW
from gsu_cli.training.averaging import Average
from gsu_cli.training.loop import fit
from gsu_cli.training.optimisers import Optimisers
from gsu_cli.training.recipe import Recipe
from gsu_cli.training.state import keep, restore


def test_it_averages_and_does_not_copy() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average, expected, history = Average(model, 0.9), 0.0, []
    for k in range(1, 101):
        with torch.no_grad():
            model.weight.fill_(float(k % 2))  # 1, 0, 1, 0, ...
        average.update(model)
        d = min(0.9, (1 + k) / (10 + k))
        expected = d * expected + (1 - d) * (k % 2)
        history.append(float(average.weights["weight"]))
        assert history[-1] == pytest.approx(expected, abs=1e-6)
    assert all(abs(w - 0.5) < 0.05 for w in history[-2:]), "half of what it saw, neither the last nor the first"


def test_tied_weights_are_averaged_in_all_of_their_places() -> None:
    """The last of two names was the raw weight, and a load of both left that."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    average = Average(model, 0.5)
    with torch.no_grad():
        model[0].weight.fill_(7.0)
    average.update(model)
    found = average.state(model)
    assert torch.equal(found["0.weight"], average.weights["0.weight"])
    assert torch.equal(found["1.weight"], found["0.weight"])
    assert not torch.equal(found["0.weight"], model[0].weight)


def test_the_averaged_weights_are_the_models() -> None:
    images = tiny_world.dataset().train
    recipe = Recipe(epochs=2, batch_size=100, lr=1e-2, ema=0.7)
    averaged, plain = tiny_diffusion.fresh(), tiny_diffusion.fresh()
    fit(averaged, images, recipe, seed=0)
    fit(plain, images, replace(recipe, ema=0.0), seed=0)
    a, b = tiny_world.weights(averaged), tiny_world.weights(plain)
    assert any(not torch.equal(a[k], b[k]) for k in a)
    by_hand = tiny_diffusion.fresh()
    average, step = Average(by_hand, 0.7), AdamW.step

    def watched(self: AdamW, *arguments: object) -> object:
        found = step(self, *arguments)  # type: ignore[arg-type]
        average.update(by_hand)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AdamW, "step", watched)
        fit(by_hand, images, replace(recipe, ema=0.0), seed=0)
    assert all(torch.equal(a[k], v) for k, v in average.weights.items())


def test_buffers_are_the_last_ones() -> None:
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.5)
    model(torch.randn(8, 2))
    average.update(model)
    assert torch.equal(average.state(model)["running_mean"], model.running_mean)


def test_a_state_without_the_average_is_not_gone_on_with(tmp_path: Path) -> None:
    model = tiny_diffusion.fresh()
    recipe, facts = Recipe(epochs=1, batch_size=60, lr=1e-2, ema=0.9), {"seed": 0}
    optimisers = Optimisers(model, recipe, steps=1)
    loss = model.loss(tiny_world.dataset().train.floats()[:8], None, torch.Generator().manual_seed(0)).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    optimisers.each[0].step()
    keep(tmp_path / "state.safetensors", model, optimisers, None, losses=[1.0], facts=facts)
    before, other = tiny_world.weights(model), tiny_diffusion.fresh()
    with pytest.raises(CheckpointError, match=r"a state needs the averaged weights; found none that fit in .*Type the"):
        restore(tmp_path / "state.safetensors", other, Optimisers(other, recipe, steps=1), Average(other, 0.9), facts)
    assert not tiny_world.same(before, tiny_world.weights(other)), "nothing was put into it"


def test_an_average_that_is_not_finite_is_not_gone_on_with(tmp_path: Path) -> None:
    """It would be saved as the trained model."""
    model = tiny_diffusion.fresh()
    recipe = Recipe(epochs=1, batch_size=60, lr=1e-2, ema=0.9)
    optimisers, average = Optimisers(model, recipe, steps=1), Average(model, 0.9)
    model.loss(tiny_world.dataset().train.floats()[:8], None, torch.Generator().manual_seed(0)).mean().backward()  # type: ignore[no-untyped-call]
    optimisers.each[0].step()
    next(iter(average.weights.values())).view(-1)[0] = torch.nan
    keep(tmp_path / "state.safetensors", model, optimisers, average, losses=[1.0], facts={})
    with pytest.raises(
        CheckpointError, match=r"weights of a training state must be finite; found nan in .* of .*state"
    ):
        restore(tmp_path / "state.safetensors", model, optimisers, average, {})
