"""A class-conditional VAE that is small enough for tests, trained on the bars of `tiny_world`."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch

import tiny_world
from gsu_cli.models.vae.cvae import CVae
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from made_once import once

CONDITIONS = 9  # the largest label is 8
RECIPE = Recipe(epochs=60, batch_size=64, lr=1e-2)


def fresh(seed: int = 0, **options: Any) -> CVae:
    """An untrained model of 8 x 8 images."""
    model = CVae((1, 8, 8), **{"conditions": CONDITIONS, "latent_dim": 3, "hidden": (32,), **options})
    initialise(model, seed)
    return model.eval()


@once
def _trained() -> CVae:
    model = fresh()
    fit(model, tiny_world.dataset().train, RECIPE, seed=0)
    return model.eval()


def trained() -> CVae:
    """A copy of a model trained on all classes, in about a second."""
    return copy.deepcopy(_trained())


@once
def retrained() -> CVae:
    """A model trained without class 1; not to be moved."""
    model = fresh()
    fit(model, tiny_world.split().retain_images, RECIPE, seed=0)
    return model.eval()


@cache
def _template(label: int) -> torch.Tensor:
    images = tiny_world.dataset().train
    return images.floats()[images.labels == label].mean(0).flatten()


def shows(images: torch.Tensor) -> torch.Tensor:
    """Which class each image ``(n, 1, 8, 8)`` looks like: that of the nearest class mean, ``(n,)``."""
    labels = list(tiny_world.NAMES)
    apart = torch.stack([(images.flatten(1) - _template(label)).norm(dim=1) for label in labels], 1)
    return torch.tensor(labels)[apart.argmin(1)]
