"""A diffusion model that is small enough for tests, trained on the bars of `tiny_world`."""

from __future__ import annotations

import copy
from typing import Any

import tiny_world
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from made_once import once

SMALL: dict[str, Any] = {"channels": (8, 16), "embedding": 16, "train_steps": 50, "sample_steps": 6}
RECIPE = Recipe(epochs=20, batch_size=50, lr=1e-2, ema=0.95)


def fresh(seed: int = 0, **options: Any) -> Ddpm:
    """An untrained model of 8 x 8 images; about 15,000 weights."""
    model = Ddpm((1, 8, 8), **{**SMALL, **options})
    initialise(model, seed)
    return model.eval()


@once
def _trained() -> Ddpm:
    model = fresh()
    fit(model, tiny_world.dataset().train, RECIPE, seed=0)
    return model.eval()


def trained() -> Ddpm:
    """A copy of a model trained on all classes, in a few seconds."""
    return copy.deepcopy(_trained())


@once
def _conditional() -> Ddpm:
    model = fresh(conditions=9)  # the largest label is 8
    fit(model, tiny_world.dataset().train, Recipe(epochs=8, batch_size=50, lr=1e-2, ema=0.95), seed=0)
    return model.eval()


def conditional() -> Ddpm:
    """A copy of a model that was told the classes, in a second or two."""
    return copy.deepcopy(_conditional())
