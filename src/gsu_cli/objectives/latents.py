"""What methods that redraw need: a frozen original, latents of images under it, and what it draws there."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.models.model import copied
from gsu_cli.surgery.devices import device_of, normal


def frozen(model: Any) -> Any:
    """A copy in eval mode whose weights have no gradients: the original, while the model moves."""
    return copied(model).eval().requires_grad_(False)


@torch.no_grad()
def latents(model: Any, x: Tensor, generator: torch.Generator) -> Tensor:
    """``z ~ q(z | x)``, one per image, ``(n, z)``."""
    mean, sd = model.posterior(x)
    return mean + sd * normal(mean.shape, generator, mean)  # type: ignore[no-any-return]


@torch.no_grad()
def drawn(model: Any, z: Tensor) -> Tensor:
    """``E[x | decoder(z)]`` in [0, 1], ``(n, c, h, w)``: what the likelihood takes as a target."""
    images: Tensor = model.likelihood.mean(model.decoder(z))
    return images.clamp(0.0, 1.0)


def prior(model: Any, n: int, generator: torch.Generator) -> Tensor:
    """``z ~ N(0, I)``, ``(n, z)``, where the model lies."""
    return normal((n, model.latent_dim), generator).to(device_of(model))
