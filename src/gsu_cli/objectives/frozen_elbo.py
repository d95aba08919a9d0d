"""The -ELBO as a function of the decoder alone: latents and KL are computed once, since the encoder stands still.

    L(theta) = mean_i [ nll(decoder_theta(z_i), x_i) + KL(q(z | x_i) | p(z)) ],   z_i ~ q(z | x_i) drawn once or twice.

The same number as the model's own loss under the same noise, at half the price, which is what a line search needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import NonFiniteError
from gsu_cli.gradients import BLOCK
from gsu_cli.models.decoders import decoder_prefix
from gsu_cli.objectives.redirect import posterior, posterior_latents
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.streaming import BlockLoss


class FrozenElbo:
    """-ELBO of ``images`` in nats per image, for decoder weights ``theta``.

    Args:
        model: with ``posterior`` (Gaussian, against N(0, I)), ``decoder`` and ``likelihood``.
        images: kept as floats: choose some thousands.
        seed: of the latents' noise.
        latents: of each image; with several, all images stand at the first, then at the next.
    """

    def __init__(self, model: Any, images: Images, *, seed: int, latents: int = 1) -> None:
        mean, sd = posterior(model, images)
        self.model, self.prefix = model, decoder_prefix(model)
        x = images.floats()
        self.x = x.repeat(latents, 1, 1, 1) if latents > 1 else x
        self.z = posterior_latents(mean, sd, latents, seed=seed)
        self.kl = (0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log()).sum(1)).repeat(latents)

    def blocks(self, size: int = BLOCK) -> Iterator[BlockLoss]:
        """The loss block by block, for gradients and Hessian-vector products."""
        for z, x, kl in zip(self.z.split(size), self.x.split(size), self.kl.split(size), strict=True):

            def of(theta: dict[str, Tensor], z: Tensor = z, x: Tensor = x, kl: Tensor = kl) -> Tensor:
                own = {k.removeprefix(self.prefix): v for k, v in theta.items()}
                output = torch.func.functional_call(self.model.decoder, own, (z,))
                nll: Tensor = self.model.likelihood.nll(output, x)
                return nll + kl

            yield of

    @torch.no_grad()
    def mean(self, theta: dict[str, Tensor]) -> float:
        """The loss at ``theta``.

        Raises:
            NonFiniteError: it is nan or infinite.
        """
        value = wide(torch.cat([f(theta) for f in self.blocks()])).mean()
        if not torch.isfinite(value):
            raise NonFiniteError("the retain loss must stay finite", found=float(value))
        return float(value)
