"""Drawn signs of 16 x 16 RGB pixels with two independent attributes, and a small VAE and two judges that know them."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.judges.attribute_knn import AttributeKnnJudge
from gsu_cli.judges.cnn import AttributeCnnJudge
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.run.checkpoints import Checkpoint
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from made_once import once

NAMES = ("bar", "square")
SHARES = (0.4, 0.5)
BAR, SQUARE = (slice(2, 5), slice(3, 13)), (slice(9, 14), slice(9, 14))  # rows, columns
RECIPE = Recipe(epochs=12, batch_size=50, lr=1e-2)


def signs(n: int, seed: int) -> Images:
    """``n`` grounds of random colour and slant of light; a white bar and a dark red square where the attributes say."""
    g = torch.Generator().manual_seed(seed)
    has = torch.rand(n, 2, generator=g) < torch.tensor(SHARES)
    x = (0.3 + 0.3 * torch.rand(n, 3, 1, 1, generator=g)).repeat(1, 1, 16, 16)
    x += 0.2 * (torch.rand(n, 1, 1, 1, generator=g) - 0.5) * torch.linspace(-1, 1, 16)
    x += 0.02 * torch.randn(x.shape, generator=g)
    for (rows, columns), colour, shown in zip((BAR, SQUARE), ((1.0, 1.0, 0.9), (0.5, 0.0, 0.1)), has.T, strict=True):
        x[shown, :, rows, columns] = torch.tensor(colour)[None, :, None, None]
    return Images((x.clamp(0, 1) * 255).round().to(torch.uint8), torch.zeros(n, dtype=torch.int64), has)


@cache
def dataset() -> Dataset:
    return Dataset("signs", signs(1000, 0), signs(200, 1), {0: "sign"}, "memory", attribute_names=NAMES)


class Signs:
    """The same as a user's own class, for lines with ``dataset._target_=attribute_world.Signs``."""

    def __init__(self, cache_dir: str | Path, n: int, seed: int, name: str, size: int = 16) -> None:
        self.n, self.seed, self.name = n, seed, name

    def load(self) -> Dataset:
        train, heldout = signs(self.n, self.seed), signs(self.n // 4, self.seed + 1)
        return Dataset(self.name, train, heldout, {0: "sign"}, "drawn", attribute_names=NAMES)


class PlainSigns(Signs):
    """Without attributes, of two classes."""

    def load(self) -> Dataset:
        parts = [Images(p.pixels, torch.arange(len(p)) % 2) for p in (super().load().train, super().load().heldout)]
        return Dataset(self.name, *parts, {0: "even", 1: "odd"}, "drawn")


class AllSigns(Signs):
    """Every image is said to have every attribute."""

    def load(self) -> Dataset:
        data = super().load()
        return replace(data, train=replace(data.train, attributes=torch.ones_like(data.train.attributes)))


class NoneSigns(Signs):
    """No image is said to have any."""

    def load(self) -> Dataset:
        data = super().load()
        return replace(data, train=replace(data.train, attributes=torch.zeros_like(data.train.attributes)))


def split_of(**forget: object) -> Split:
    return ForgetSpec.from_values(**forget).resolve(dataset(), generator=torch.Generator().manual_seed(0))


@cache
def split() -> Split:
    """Forgets the bar."""
    return split_of(attribute="bar")


def fresh(seed: int = 0) -> ConvVae:
    """An untrained model."""
    model = ConvVae((3, 16, 16), latent_dim=6, channels=(8, 16), sigma=0.2)
    initialise(model, seed)
    return model.eval()


@once
def _trained() -> ConvVae:
    model = fresh()
    fit(model, dataset().train, RECIPE, seed=0)
    return model


def trained() -> ConvVae:
    """A copy of a model trained on all images, two seconds."""
    return copy.deepcopy(_trained())


@once
def cnn() -> AttributeCnnJudge:
    model = AttributeCnn((3, 16, 16), NAMES, width=4, feature_dim=8)
    initialise(model, 0)
    fit(model, dataset().train, Recipe(epochs=5, batch_size=50, lr=1e-2), seed=0)
    return AttributeCnnJudge(Checkpoint(model.eval(), Path("judge.safetensors"), "00"))


@cache
def knn() -> AttributeKnnJudge:
    return AttributeKnnJudge(dataset().train, NAMES, 21)


def judges() -> dict[str, Any]:
    return {"cnn": cnn(), "knn": knn()}
