"""A model of a family that is there: a VAE with one hidden layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from gsu_cli.checks import as_int, as_shape
from gsu_cli.models.base import Bernoulli, Vae


class TinyVae(Vae):
    """x -> N(mean, sd^2) -> pixel logits.

    Args:
        shape: ``(c, h, w)`` of the images.
        latent_dim: z, the number of latents.
        width: of the hidden layers.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int = 2, width: int = 32) -> None:
        super().__init__()
        self.shape, self.latent_dim = as_shape("model.shape", shape), as_int("model.latent_dim", latent_dim)
        self.width, self.likelihood = as_int("model.width", width), Bernoulli()
        pixels = math.prod(self.shape)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.ReLU())
        self.posterior_head = nn.Linear(width, 2 * latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, width), nn.ReLU(), nn.Linear(width, pixels), nn.Unflatten(1, self.shape)
        )

    def config(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "latent_dim": self.latent_dim, "width": self.width}
