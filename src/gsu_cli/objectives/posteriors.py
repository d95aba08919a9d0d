"""Where images lie in the latent space: posteriors of many images, and latents of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.models import conditions
from gsu_cli.models.conditions import code
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import normal


@torch.no_grad()
def posterior(model: Any, images: Images) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(z | x), or q(z | x, c) at the images' labels, each ``(n, z)``."""
    parts = [conditions.posterior(model, x, y) for x, y in images.batches(2000)]
    return torch.cat([m for m, _ in parts]), torch.cat([s for _, s in parts])


def posterior_latents(mean: Tensor, sd: Tensor, times: int, *, seed: int) -> Tensor:
    """``times`` latents of each image, ``(times * n, z)``: all images at one, then at the next."""
    noise = normal((times, *mean.shape), generator(seed, "latents"), mean)
    return (mean + sd * noise).flatten(0, 1)


def posterior_codes(model: Any, images: Images, times: int, *, seed: int) -> Tensor:
    """`posterior_latents` of images, as the decoder takes them."""
    return code(model, posterior_latents(*posterior(model, images), times, seed=seed), images.labels.repeat(times))
