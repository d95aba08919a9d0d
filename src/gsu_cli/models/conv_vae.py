"""A convolutional VAE for RGB images: strided convolutions down, nearest upsampling and convolutions up.

    -ELBO(x) = E_q(z|x)[|x - mean(z)|^2 / (2 sd^2)] + KL(q(z | x) | N(0, I))

Source: Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, with the Gaussian likelihood of their
appendix C.2 at a fixed sd. Upsampling followed by a convolution (Odena et al., "Deconvolution and checkerboard
artifacts", Distill 2016) keeps every layer of the decoder a plain Linear or Conv2d, for which Kronecker factors exist.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.models.base import Model, image_shape, whole, wholes


class Gaussian:
    """Pixels N(m, sd^2) about ``m = sigmoid(output)``; any target in [0, 1].

    The constant ``c h w log(2 pi sd^2) / 2`` is left out: no parameter moves it, and being negative and large it would
    make a share of the -ELBO, such as a retain budget, mean nothing.

    Args:
        sd: standard deviation of a channel value in [0, 1]; the larger, the less of an image the latents must tell.
    """

    def __init__(self, sd: float) -> None:
        self.sd = sd

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        return (torch.sigmoid(output) - x).square().flatten(1).sum(1) / (2 * self.sd**2)

    def mean(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output)

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        # d nll / d output = (m - x~) / sd^2 * dm/doutput with x~ = m + sd * noise
        m = torch.sigmoid(output)
        noise = torch.randn(m.shape, generator=generator, device=m.device, dtype=m.dtype)
        return -noise / self.sd * m * (1 - m)


class ConvVae(Model):
    """Encoder x -> N(mean, sd^2); decoder z -> pixel logits through ``len(widths)`` stages that double the size.

    The last doubling rearranges four channels into four pixels instead of upsampling: the convolution before it works
    at half the size, which saves three quarters of its activations and of its patches when factors are built.

    Args:
        shape: ``(c, h, w)`` of the images; h and w multiples of ``2 ** len(widths)``.
        latent_dim: z, the number of latents.
        widths: channels of the decoder's stages, from the smallest size up; the encoder has them in reverse.
        hidden: width of the decoder's first layer.
        sd: of the Gaussian likelihood, in pixel values of [0, 1].

    Raises:
        UsageError: an option is out of range, or the images cannot be halved as often.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 32,
        widths: Sequence[int] = (64, 48, 32),
        hidden: int = 256,
        sd: float = 0.1,
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim = image_shape(shape), whole("latent_dim", latent_dim)
        self.widths, self.hidden = wholes("widths", widths), whole("hidden", hidden)
        if isinstance(sd, bool) or not isinstance(sd, int | float) or not (math.isfinite(sd) and sd > 0):
            raise UsageError("`model.sd` must be a finite number > 0", found=repr(sd))
        self.sd = float(sd)
        c, h, w = self.shape
        factor = 2 ** len(self.widths)
        if h % factor or w % factor:
            raise UsageError(
                f"`model.widths` of {len(self.widths)} stages need images whose sides are multiples of {factor}",
                found=f"{h} x {w}",
                way_out="Set `dataset.size`, or give fewer widths",
            )
        self.likelihood = Gaussian(self.sd)
        small = (self.widths[0], h // factor, w // factor)
        down = [layer for i, o in pairwise(reversed(self.widths)) for layer in (nn.Conv2d(i, o, 4, 2, 1), nn.SiLU())]
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * c, self.widths[-1], 3, padding=1),
            nn.SiLU(),
            *down,
            nn.Flatten(),
            nn.Linear(math.prod(small), self.hidden),
            nn.SiLU(),
        )
        self.posterior_head = nn.Linear(self.hidden, 2 * self.latent_dim)  # mean, log variance
        up = [
            layer
            for i, o in pairwise(self.widths)
            for layer in (nn.Upsample(scale_factor=2), nn.Conv2d(i, o, 3, padding=1), nn.SiLU())
        ]
        self.decoder = nn.Sequential(
            nn.Linear(self.latent_dim, self.hidden),
            nn.SiLU(),
            nn.Linear(self.hidden, math.prod(small)),
            nn.SiLU(),
            nn.Unflatten(1, small),
            *up,
            nn.Conv2d(self.widths[-1], 4 * c, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "latent_dim": self.latent_dim,
            "widths": list(self.widths),
            "hidden": self.hidden,
            "sd": self.sd,
        }

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q(z | x): mean and standard deviation, each ``(n, z)``, of images ``(n, c, h, w)`` in [0, 1]."""
        mean, log_var = self.posterior_head(self.encoder(x)).chunk(2, dim=1)
        return mean, (0.5 * log_var).exp()

    def decode(self, z: Tensor) -> Tensor:
        """Images in [0, 1], ``(n, c, h, w)``, drawn at latents ``(n, z)``."""
        return self.likelihood.mean(self.decoder(z))

    def loss(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Tensor:
        """-ELBO of each image in nats, without the likelihood's constant, ``(n,)``; labels are ignored."""
        mean, sd = self.posterior(x)
        z = mean + sd * torch.randn(mean.shape, generator=generator)
        kl = 0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log()).sum(1)
        return self.likelihood.nll(self.decoder(z), x) + kl

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images in [0, 1] at latents from the prior N(0, I)."""
        return self.decode(torch.randn(n, self.latent_dim, generator=generator))

    def generation_parameters(self) -> list[str]:
        """The decoder's parameters: nothing else moves what is drawn."""
        return [name for name, _ in self.named_parameters() if name.startswith("decoder.")]
