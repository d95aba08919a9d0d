"""A GAN that is small enough for tests, trained on the bars of `tiny_world`."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import tiny_world
from gsu_cli.methods.retrain import initialise
from gsu_cli.models.gan.dcgan import Dcgan
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe

SMALL: dict[str, Any] = {"latent_dim": 4, "channels": (8, 8), "critic": (8, 16, 16), "gamma": 0.1}
RECIPE = Recipe(epochs=15, batch_size=50, lr=1e-2, ema=0.95)


def fresh(seed: int = 0, **options: Any) -> Dcgan:
    """An untrained model of 8 x 8 images; about 7,000 weights."""
    model = Dcgan((1, 8, 8), **{**SMALL, **options})
    initialise(model, seed)
    return model.eval()


@cache
def _trained() -> Dcgan:
    model = fresh()
    fit(model, tiny_world.dataset().train, RECIPE, seed=0)
    return model.eval()


def trained() -> Dcgan:
    """A copy of a model trained on all classes, in a few seconds."""
    return copy.deepcopy(_trained())
