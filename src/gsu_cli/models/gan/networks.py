"""The two networks of a small GAN: residual blocks without norms, few places where there are many channels.

No layer sees more than one image, so an image is a function of its noise alone and every layer is a plain Linear or
Conv2d. Blocks begin as the identity.

Sources: Radford, Metz and Chintala, ICLR 2016 (DCGAN); Huang, Gokaslan, Kuleshov and Tompkin, "The GAN is dead; long
live the GAN! A Modern GAN Baseline", NeurIPS 2024 (no norms, residual blocks, zeroed last layers).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2  # of LeakyReLU below 0
SHRUNK = 4  # factor between the images and the coarsest maps


class Residual(nn.Module):
    """``x + conv(act(conv(act(x))))``, maps ``(n, c, h, w)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def reset_parameters(self) -> None:
        """The identity."""
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias) if self.conv2.bias is not None else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.leaky_relu(x, SLOPE))
        out: Tensor = x + self.conv2(F.leaky_relu(h, SLOPE))
        return out


class Drawer(nn.Module):
    """Latents ``(n, z)`` -> images ``(n, c, h, w)``, about [0, 1] and not clipped.

    Args:
        shape: ``(c, h, w)``; height and width divisible by 4.
        latent_dim: ``z``.
        channels: of the maps at a quarter and at half the size.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int, channels: Sequence[int]) -> None:
        super().__init__()
        (c, h, w), (coarse, fine) = shape, channels
        self.size = (coarse, h // SHRUNK, w // SHRUNK)
        self.first = nn.Linear(latent_dim, coarse * self.size[1] * self.size[2])
        self.coarse, self.grow = Residual(coarse), nn.Conv2d(coarse, fine, 3, padding=1)
        self.fine, self.head = Residual(fine), nn.Conv2d(fine, 4 * c, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.coarse(self.first(z).unflatten(1, self.size))
        h = F.interpolate(self.grow(F.leaky_relu(h, SLOPE)), scale_factor=2.0)
        pixels = F.pixel_shuffle(self.head(F.leaky_relu(self.fine(h), SLOPE)), 2)
        return pixels / 2 + 0.5


class Critic(nn.Module):
    """Images ``(n, c, h, w)`` in [-1, 1] -> how real they look, ``(n,)``, without bound.

    Args:
        shape: ``(c, h, w)``; height and width divisible by 4.
        channels: of the maps at half and at a quarter of the size, and of the last ones.
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        (c, h, w), (fine, coarse, last) = shape, channels
        self.layers = nn.Sequential(
            nn.Conv2d(c, fine, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(fine, coarse, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(coarse, last, 3, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            nn.Linear(last * (h // SHRUNK) * (w // SHRUNK), 1, bias=False),  # only differences count
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)[:, 0]
        return out


def penalty(said: Tensor, x: Tensor) -> Tensor:
    """``|d said_i / d x_i|^2``, ``(n,)``: how steep a critic is at its own inputs; differentiable."""
    (g,) = torch.autograd.grad(said.sum(), x, create_graph=True)
    return g.square().flatten(1).sum(1)
