"""What methods that redirect need: a frozen original, latents of images under it, and what it generates there."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.models.conditions import code, posterior, usual_conditions
from gsu_cli.models.model import copied
from gsu_cli.models.protocols import HasDecoder, MapsNoise
from gsu_cli.surgery.devices import beside, normal


def frozen(model: Any) -> Any:
    """A copy in eval mode whose weights have no gradients: the original, while the model moves."""
    return copied(model).eval().requires_grad_(False)


@torch.no_grad()
def latents(model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """``z ~ q(z | x)``, one per image, ``(n, z)``; of a conditional model codes at the images' labels ``y``."""
    mean, sd = posterior(model, x, y)
    return code(model, mean + sd * normal(mean.shape, generator, mean), y)


def output_at(model: Any, z: Tensor) -> Tensor:
    """Images ``(n, c, h, w)`` at latents, with gradients; a GAN's are not clipped, for nothing flows through a clip."""
    if isinstance(model, HasDecoder):
        images: Tensor = model.likelihood.mean(model.decoder(z))
    else:
        images = model.network(z) if isinstance(model, MapsNoise) else model.decode(z)
    return images


@torch.no_grad()
def decoded(model: Any, z: Tensor) -> Tensor:
    """``E[x | decoder(z)]`` in [0, 1], ``(n, c, h, w)``: what the likelihood takes as a target."""
    return output_at(model, z).clamp(0.0, 1.0)


def prior(model: Any, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """``z ~ N(0, I)``, ``(n, z)``, where the model lies, and the conditions ``(n,)`` that it is usually asked for.

    Of a conditional model the first are codes, of any other the second are null.
    """
    reads = model.decoder if isinstance(model, HasDecoder) else model  # an encoder may compute in another precision
    z = beside(normal((n, model.latent_dim), generator), reads)
    y = usual_conditions(model, n, generator).to(z.device)
    return code(model, z, y), y
