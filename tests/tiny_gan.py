"""A GAN that is small enough for tests, trained on the bars of `tiny_world`."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch

import tiny_world
from gsu_cli.models.gan.dcgan import Dcgan
from gsu_cli.surgery.uncompiled import Adam
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from made_once import once

SMALL: dict[str, Any] = {"latent_dim": 4, "channels": (8, 8), "critic": (8, 16, 16), "gamma": 0.1}
RECIPE = Recipe(epochs=8, batch_size=50, lr=1e-2, ema=0.95)


def fresh(seed: int = 0, **options: Any) -> Dcgan:
    """An untrained model of 8 x 8 images; about 7,000 weights."""
    model = Dcgan((1, 8, 8), **{**SMALL, **options})
    initialise(model, seed)
    return model.eval()


@once
def _trained() -> Dcgan:
    model = fresh()
    fit(model, tiny_world.dataset().train, RECIPE, seed=0)
    return model.eval()


def trained() -> Dcgan:
    """A copy of a model trained on all classes by its own losses, in a few seconds; its bars are rough."""
    return copy.deepcopy(_trained())


@once
def _taught() -> Dcgan:
    model, data = fresh(), tiny_world.dataset().train
    classes = list(tiny_world.NAMES)
    pools = [data.floats((data.labels == c).nonzero()[:40, 0]).mean(0) for c in classes]
    g = torch.Generator().manual_seed(1)
    optimiser = Adam(model.network.parameters(), lr=1e-2)
    for _ in range(250):
        z = torch.randn(100, model.latent_dim, generator=g)
        sector = ((torch.atan2(z[:, 1], z[:, 0]) / math.pi + 1) * 1.5).long().clamp(max=2)
        loss = (model.network(z) - torch.stack(pools)[sector]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def taught() -> Dcgan:
    """A copy of a model that was shown what to draw where: a third of its samples each, all clear."""
    return copy.deepcopy(_taught())
