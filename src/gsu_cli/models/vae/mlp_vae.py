"""The multi-layer perceptron VAE: small, trains in minutes on two cores, and exact in form for Kronecker factors.

Source: Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014; Bernoulli likelihood on pixels in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from gsu_cli.checks import as_flag, as_int, as_ints, as_shape
from gsu_cli.models.likelihoods import Bernoulli
from gsu_cli.models.vae.base import Vae
from gsu_cli.models.vae.mlp import check_activation, stack


class MlpVae(Vae):
    """Encoder x -> N(mean, sd^2), mirrored decoder z -> pixel logits.

    Args:
        shape: ``(c, h, w)`` of the images.
        latent_dim: z, the number of latents.
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
        activation: "relu", "silu" or "gelu".
        batch_norm: whether hidden layers of both sides are normalised over the batch (Ioffe and Szegedy 2015).

    Raises:
        UsageError: a width is no integer >= 1, there is no hidden layer, or the activation is unknown.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 8,
        hidden: Sequence[int] = (512, 512),
        activation: str = "relu",
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim = as_shape("model.shape", shape), as_int("model.latent_dim", latent_dim)
        self.hidden, self.activation = as_ints("model.hidden", hidden), check_activation(activation)
        self.batch_norm = as_flag("model.batch_norm", batch_norm)
        self.likelihood = Bernoulli()
        pixels = math.prod(self.shape)
        widths = (pixels, *self.hidden)
        self.encoder = nn.Sequential(nn.Flatten(), *stack(widths, activation, batch_norm))
        self.posterior_head = nn.Linear(widths[-1], 2 * self.latent_dim)  # mean, log variance
        self.decoder = nn.Sequential(
            *stack((self.latent_dim, *reversed(self.hidden)), activation, batch_norm),
            nn.Linear(self.hidden[0], pixels),
            nn.Unflatten(1, self.shape),
        )

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "latent_dim": self.latent_dim,
            "hidden": list(self.hidden),
            "activation": self.activation,
            **({"batch_norm": True} if self.batch_norm else {}),  # files of before do not say so
        }
