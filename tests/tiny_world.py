"""Three classes of 8 x 8 bars, and a small VAE trained on them: a world in which a method runs in a second."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from made_once import once

NAMES = {1: "upright", 3: "level", 8: "slanted"}  # labels are not dense, as after `dataset.classes=[1,3,8]`
RECIPE = Recipe(epochs=60, batch_size=64, lr=1e-2)


def bars(n: int, seed: int) -> Images:
    """``n`` images: a bar of one class each, shifted, of random brightness, with noise."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.tensor(list(NAMES))[torch.arange(n) % 3]
    shift = torch.randint(-1, 2, (n,), generator=g)
    bright = 0.7 + 0.3 * torch.rand(n, generator=g)
    x = 0.1 * torch.rand(n, 8, 8, generator=g)
    line = torch.arange(8)
    for i in range(n):
        s = int(shift[i])
        if labels[i] == 1:
            x[i, 1:7, 3 + s : 5 + s] = bright[i]
        elif labels[i] == 3:
            x[i, 3 + s : 5 + s, 1:7] = bright[i]
        else:
            x[i, line, (line + s).clamp(0, 7)] = bright[i]
    return Images((x[:, None] * 255).round().to(torch.uint8), labels)


@cache
def dataset() -> Dataset:
    return Dataset("bars", bars(600, 0), bars(150, 1), NAMES, "memory")


def split_of(**forget: object) -> Split:
    return ForgetSpec.from_values(**forget).resolve(dataset(), generator=torch.Generator().manual_seed(0))


@cache
def split() -> Split:
    """Forgets class 1."""
    return split_of(class_=1)


def fresh(seed: int = 0, latent_dim: int = 3, hidden: tuple[int, ...] = (32,)) -> MlpVae:
    """An untrained model."""
    model = MlpVae((1, 8, 8), latent_dim=latent_dim, hidden=hidden, activation="silu")
    initialise(model, seed)
    return model.eval()


@once
def _trained() -> MlpVae:
    model = fresh()
    fit(model, dataset().train, RECIPE, seed=0)
    return model


def trained() -> MlpVae:
    """A copy of a model trained on all classes, under a second."""
    return copy.deepcopy(_trained())


def uprightness(x: torch.Tensor) -> torch.Tensor:
    """How much brighter images ``(n, 1, 8, 8)`` are along a bar that stands than along one that lies, ``(n,)``."""
    return x[:, 0, 1:7, 3:5].mean((1, 2)) - x[:, 0, 3:5, 1:7].mean((1, 2))


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
