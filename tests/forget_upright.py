"""The bars again, as a data set with an attribute, and a convolutional model whose pixels are Gaussian."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

import tiny_world
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.unlearn import unlearn
from made_once import once


class Gaussian:
    """N(output, sd^2) pixel by pixel; not a likelihood of the package, so that nothing rests on its classes."""

    sd = 0.2

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        return 0.5 * ((output - x) / self.sd).square().flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        return output

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        return torch.randn(output.shape, generator=generator) / self.sd


class ConvVae(nn.Module):
    """4 latents; upsampling, a convolution and GroupNorm in the decoder, no sigmoid."""

    shape, latent_dim = (1, 8, 8), 4

    def __init__(self) -> None:
        super().__init__()
        self.likelihood = Gaussian()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.SiLU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(
            nn.Linear(4, 8 * 16),
            nn.Unflatten(1, (8, 4, 4)),
            nn.GroupNorm(2, 8),
            nn.SiLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(8, 1, 3, padding=1),
        )

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, (0.5 * log_var).exp()

    def decode(self, z: Tensor) -> Tensor:
        return self.likelihood.mean(self.decoder(z))

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        mean, sd = self.posterior(x)
        z = mean + sd * torch.randn(mean.shape, generator=generator)
        kl = 0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log()).sum(1)
        return self.likelihood.nll(self.decoder(z), x) + kl

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.decode(torch.randn(n, self.latent_dim, generator=generator))

    def generation_parameters(self) -> list[str]:
        return [k for k, _ in self.named_parameters() if k.startswith("decoder.")]


@cache
def _split() -> Split:
    def with_attribute(images: Images) -> Images:
        return Images(images.pixels, torch.zeros_like(images.labels), (images.labels == 1)[:, None])

    parts = (with_attribute(part) for part in (tiny_world.dataset().train, tiny_world.dataset().heldout))
    dataset = Dataset("faces", *parts, {0: "face"}, "memory", attribute_names=("Upright",))
    return ForgetSpec.from_values(attribute="Upright").resolve(dataset, generator=torch.Generator())


@once
def _trained() -> ConvVae:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ConvVae()
    fit(model, _split().dataset.train, Recipe(epochs=20, batch_size=64, lr=1e-2), seed=0)
    return model


def forget_upright(method: Any, seed: int = 0) -> tuple[Any, Any, Any]:
    """The original, what the method makes of it, and what it says."""
    original = copy.deepcopy(_trained())
    g = torch.Generator().manual_seed(seed)
    moved, update = unlearn(original, _split(), method, generator=g, diagnostics=False)
    return original, moved, update


def drawn_upright(model: Any, n: int = 500) -> float:
    """Share of ``n`` generated images nearest, of the means of the three classes, to the upright bar's."""
    images = tiny_world.dataset().train
    means = torch.stack([images.floats(images.labels == c).mean(0) for c in (1, 3, 8)]).flatten(1)
    with torch.no_grad():
        x = model.sample(n, torch.Generator().manual_seed(5)).flatten(1)
    return float((torch.cdist(x, means).argmin(1) == 0).double().mean())
