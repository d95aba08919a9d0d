"""The convolutional VAE for faces: strided convolutions down, nearest-neighbour upsampling and convolutions up.

Source: Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014. Upsampling followed by a convolution (Odena et
al. 2016) makes no checkerboards, and an ungrouped convolution is a layer with Kronecker factors, which a transposed one
is not. The last convolution makes 2 x 2 pixels at each of its places (Shi et al. 2016), which saves the dearest layer.
Fully connected layers that map the latents before anything is generated: StyleGAN (Karras et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.checks import SCALED, as_int, as_ints, as_shape
from gsu_cli.errors import UsageError
from gsu_cli.models.likelihoods import Gaussian
from gsu_cli.models.vae.base import Vae

WIDTHS = (32, 64, 128, 128, 128)  # of as many convolutions as the images can be halved
VALUES = 3 * 64 * 64  # in an image for which sigma = 1 was found; see docs/design/007-faces.md


class ConvVae(Vae):
    """Encoder x -> N(mean, sd^2), decoder z -> the mean of each pixel, Gaussian pixels of fixed width.

    Args:
        shape: ``(c, h, w)`` of the images; height and width must halve evenly as often as there are channels.
        latent_dim: z, the number of latents.
        channels: of the encoder's convolutions, each of which halves height and width; the decoder mirrors them. None
            halves as often as that is even and leaves 4 pixels, with the widths of `WIDTHS`.
        mapping: widths of fully connected layers between the latents and the decoder's first map; none by default. With
            some, kinds of faces meet at steeper borders, and fewer prior samples lie between two kinds.
        sigma: standard deviation of a pixel around the mean, in units of the full range, in (0, 10]. It sets how
            much the reconstruction counts against the prior: a larger one makes softer images and better prior samples.
            None is 1 for 64 x 64 RGB and falls with the square root of the number of values in an image, so that both
            terms of the -ELBO weigh as they do there.

    Raises:
        UsageError: a width is no integer >= 1, the shape does not halve evenly, or sigma is not in (0, 10].
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 16,
        channels: Sequence[int] | None = (16, 32, 64, 128),
        sigma: float | None = 2.5,
        mapping: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim = as_shape("model.shape", shape), as_int("model.latent_dim", latent_dim)
        c, h, w = self.shape
        self.channels = as_ints("model.channels", _fitting(h, w) if channels is None else channels)
        self.mapping = as_ints("model.mapping", mapping, empty=True)
        self.likelihood = Gaussian(min(10.0, sqrt(c * h * w / VALUES)) if sigma is None else sigma)
        self.sigma = self.likelihood.sigma
        factor = 2 ** len(self.channels)
        if h % factor or w % factor:
            raise UsageError(
                f"`model.channels` must halve the images evenly, and {len(self.channels)} convolutions need height and "
                f"width divisible by {factor}",
                found=f"{h} x {w}",
                way_out=f"Name fewer channels, or {SCALED}",
            )
        top = (self.channels[-1], h // factor, w // factor)
        down = [
            layer
            for i, o in pairwise((c, *self.channels))
            for layer in (nn.Conv2d(i, o, 4, stride=2, padding=1), nn.SiLU())
        ]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        cells = top[0] * top[1] * top[2]
        self.posterior_head = nn.Linear(cells, 2 * self.latent_dim)  # mean, log variance
        up = [
            layer
            for i, o in pairwise(reversed(self.channels))
            for layer in (nn.Upsample(scale_factor=2), nn.Conv2d(i, o, 3, padding=1), nn.SiLU())
        ]
        through = [
            layer
            for i, o in pairwise((self.latent_dim, *self.mapping, cells))
            for layer in (nn.Linear(i, o), nn.SiLU())
        ]
        self.decoder = nn.Sequential(
            *through,
            nn.Unflatten(1, top),
            *up,
            nn.Conv2d(self.channels[0], 4 * c, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.reset_parameters()
        # channels last is what oneDNN computes in: a quarter faster on a CPU, the same numbers
        self.to(memory_format=torch.channels_last)

    def reset_parameters(self) -> None:
        """He's initialisation (2015), small last layers, grey for a start: torch's own lets the signal fade away."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.constant_(module.get_parameter("bias"), 0.0)
        last: Any = self.decoder[-2]
        with torch.no_grad():
            self.posterior_head.weight.mul_(0.3)
            last.weight.mul_(0.3)
            last.bias.fill_(0.5)

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "latent_dim": self.latent_dim,
            "channels": list(self.channels),
            "sigma": self.sigma,
            "mapping": list(self.mapping),
        }

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().posterior(x.contiguous(memory_format=torch.channels_last))


def _fitting(h: int, w: int) -> tuple[int, ...]:
    """Channels of convolutions that halve ``h`` x ``w`` evenly, and not below 4 pixels; at least one.

    >>> _fitting(32, 32), _fitting(28, 28), _fitting(31, 31)
    ((32, 64, 128), (32, 64), (32,))
    """
    times = 0
    while times < len(WIDTHS) and h % 2 == w % 2 == 0 and min(h, w) >= 8:
        h, w, times = h // 2, w // 2, times + 1
    return WIDTHS[: max(times, 1)]
