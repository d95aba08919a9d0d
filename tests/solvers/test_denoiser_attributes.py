"""An attribute of RGB images forgotten by a diffusion model on patches of 2 x 2 pixels: the recipe for faces, small."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import attribute_world
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn

RECIPE = Recipe(epochs=15, batch_size=50, lr=1e-2, ema=0.95)


def with_bar(images: Tensor) -> float:
    """Share of images with a bar: it is brighter than the ground below it."""
    inside, ground = (images[:, :, rows, 3:13].mean((1, 2, 3)) for rows in (attribute_world.BAR[0], slice(6, 8)))
    return float((inside - ground > 0.15).float().mean())


@pytest.mark.slow
def test_it_forgets_an_attribute_and_keeps_the_rest() -> None:
    model = Ddpm((3, 16, 16), channels=(16, 16), patch=2, embedding=16, train_steps=50, sample_steps=8)
    initialise(model, 0)
    data = attribute_world.dataset()
    fit(model, data.train, RECIPE, seed=0)
    split = ForgetSpec.from_values(attribute="bar").resolve(data, generator=torch.Generator())
    after, update = unlearn(
        model.eval(), split, FisherSurgery(budget=0.05), generator=torch.Generator().manual_seed(0), diagnostics=False
    )
    noise = model.noise(200, torch.Generator().manual_seed(1))
    with torch.no_grad():
        was, now = model.generate(noise), after.generate(noise)
    assert 0.3 < with_bar(was) < 0.6, "it learnt what it is to forget"
    assert with_bar(now) < 0.4 * with_bar(was)
    moved = (now - was).abs().mean((0, 1))
    assert float(moved[8:].mean()) < 0.4 * float(moved[attribute_world.BAR].mean()), "below the bar little changes"
    assert update.details["budget_spent"] <= 0.05
