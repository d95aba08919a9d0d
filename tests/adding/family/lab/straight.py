"""A family of one's own: a flow that carries noise to images along straight lines.

    x_t = (1 - t) eps + t x,   L = E |v(x_t, t) - (x - eps)|^2 / d,   dx/dt = v(x, t) from t = 0 to 1

Source: Liu, Gong and Liu, "Flow Straight and Fast", ICLR 2023. With `sites` every method that needs curvature works.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.checks import as_int, as_shape
from gsu_cli.models.base import Model
from gsu_cli.models.sites import Sites, SquaredError


class Velocity(nn.Module):
    """``v(x, t)`` of images ``(n, c, h, w)`` and times ``(n,)``."""

    def __init__(self, pixels: int, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(pixels + 1, width), nn.Linear(width, pixels)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        hidden = self.first(torch.cat([x.flatten(1), t[:, None]], 1)).relu()
        return self.last(hidden).view(x.shape)


class Straight(Model):
    """Straight lines from noise to images.

    Args:
        shape: ``(c, h, w)`` of the images.
        width: of the hidden layer.
        steps: of Euler's method.
    """

    loss_unit = "MSE"
    sites_at_once = 1000

    def __init__(self, shape: Sequence[int], width: int = 64, steps: int = 8) -> None:
        super().__init__()
        self.shape, self.width, self.steps = as_shape("model.shape", shape), as_int("model.width", width), steps
        self.network, self.output_loss = Velocity(math.prod(self.shape), width), SquaredError()

    def config(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "width": self.width, "steps": self.steps}

    def generation_parameters(self) -> list[str]:
        return [name for name, _ in self.named_parameters()]

    def sites(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Sites:
        t, eps = torch.rand(len(x), generator=generator), torch.randn(x.shape, generator=generator)
        share = t[:, None, None, None]
        return Sites(((1 - share) * eps + share * x, t), x - eps)

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        sites = self.sites(x, y, generator)
        return self.output_loss.nll(self.network(*sites.inputs), sites.targets)

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn((n, *self.shape), generator=generator)

    @torch.no_grad()
    def generate(self, noise: Tensor) -> Tensor:
        x = noise
        for k in range(self.steps):
            x = x + self.network(x, torch.full((len(x),), k / self.steps)) / self.steps
        return x.clamp(0, 1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.generate(self.noise(n, generator))
