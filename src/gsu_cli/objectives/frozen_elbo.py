"""The -ELBO as a function of the decoder alone: latents and KL are computed once, since the encoder stands still.

    L(theta) = mean_i [ nll(decoder_theta(z_i), x_i) + KL(q(z | x_i) | p(z)) ],   z_i ~ q(z | x_i) taken once or twice.

The same number as the model's own loss under the same noise, at half the price, which is what a line search needs.
"""

from __future__ import annotations

from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.models.conditions import code
from gsu_cli.models.prior import kl_to_prior
from gsu_cli.models.sites import Repeated
from gsu_cli.objectives.posteriors import posterior, posterior_latents
from gsu_cli.objectives.site_loss import SiteLoss


def frozen_elbo(model: Any, images: Images, *, seed: int, latents: int = 1, what: str = "the retain loss") -> SiteLoss:
    """-ELBO of ``images`` in nats per image, for decoder weights ``theta``.

    Args:
        model: with ``posterior`` (Gaussian, against N(0, I)), ``decoder`` and ``likelihood``.
        images: kept as they are: choose some thousands.
        seed: of the latents' noise.
        latents: of each image; with several, all images stand at the first, then at the next.
        what: its name, for messages.
    """
    mean, sd = posterior(model, images)
    z = code(model, posterior_latents(mean, sd, latents, seed=seed), images.labels.repeat(latents))
    kl = kl_to_prior(mean, sd).sum(1).repeat(latents)
    return SiteLoss(model, Repeated((z,), images.pixels, kl), what)
