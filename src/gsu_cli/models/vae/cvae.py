"""A class-conditional VAE: the fully connected VAE, told the class in its encoder and its decoder.

    -log p(x | c) <= E_q(z | x, c) [-log p(x | z, c)] + KL(q(z | x, c) | N(0, I))

The class is not in the latents any more: they say how a thing looks, the condition says what. In training the
condition of some images is hidden (``drop``), so that the model also generates without one.

Source: Sohn, Lee and Yan, "Learning Structured Output Representation using Deep Conditional Generative Models", NeurIPS
2015; hidden conditions after Ho and Salimans, "Classifier-Free Diffusion Guidance", 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.checks import as_int, as_ints, as_shape
from gsu_cli.models.conditions import DROP, NULL, Conditional, code, signal, usual_conditions
from gsu_cli.models.likelihoods import Bernoulli
from gsu_cli.models.prior import kl_to_prior
from gsu_cli.models.vae.base import Vae
from gsu_cli.models.vae.mlp import check_activation, stack
from gsu_cli.surgery.devices import device_of, normal


class CVae(Conditional, Vae):
    """Encoder (x, c) -> N(mean, sd^2), mirrored decoder (z, c) -> pixel logits.

    Args:
        shape: ``(c, h, w)`` of the images.
        conditions: ``C``, the number of classes; gsu reads it off the data.
        latent_dim: z, the number of latents.
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
        activation: "relu", "silu" or "gelu".
        drop: share of the training images whose condition is hidden.

    Raises:
        UsageError: an option is out of range.
    """

    def __init__(
        self,
        shape: Sequence[int],
        conditions: int | None = None,
        latent_dim: int = 8,
        hidden: Sequence[int] = (256, 256),
        activation: str = "silu",
        drop: float = DROP,
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim = as_shape("model.shape", shape), as_int("model.latent_dim", latent_dim)
        self.hidden, self.activation = as_ints("model.hidden", hidden), check_activation(activation)
        self._expect(conditions, drop, least=2)
        self.likelihood = Bernoulli()
        pixels, widths = math.prod(self.shape), self.hidden
        self.encoder = nn.Sequential(*stack((pixels + self.conditions, *widths), activation))
        self.posterior_head = nn.Linear(widths[-1], 2 * self.latent_dim)  # mean, log variance
        self.decoder = nn.Sequential(
            *stack((self.latent_dim + self.conditions, *reversed(widths)), activation),
            nn.Linear(widths[0], pixels),
            nn.Unflatten(1, self.shape),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Conditions begin as the null condition: their columns are zeroed."""
        with torch.no_grad():
            for half in (self.encoder, self.decoder):
                half.get_parameter("0.weight")[:, -self.conditions :] = 0

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "conditions": self.conditions,
            "latent_dim": self.latent_dim,
            "hidden": list(self.hidden),
            "activation": self.activation,
            "drop": self.drop,
        }

    def posterior(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """q(z | x, c): mean and standard deviation, each ``(n, z)``; at the null condition where none is given."""
        s = signal(self._given(condition, len(x)).to(x.device), self.conditions)
        mean, log_var = self.posterior_head(self.encoder(torch.cat([x.flatten(1), s], 1))).chunk(2, dim=1)
        return mean, (0.5 * log_var).exp()

    def decode(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images in [0, 1], ``(n, c, h, w)``, at latents ``(n, z)`` and conditions; the null one without."""
        return self.likelihood.mean(self.decoder(code(self, z, self._given(condition, len(z)))))

    def loss(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Tensor:
        """-ELBO of each image given its class in nats, ``(n,)``, one reparametrised latent; null without classes."""
        y = self.masked(self._given(y, len(x)).to(x.device), generator)
        mean, sd = self.posterior(x, y)
        z = mean + sd * normal(mean.shape, generator, mean)
        kl = kl_to_prior(mean, sd).sum(1)
        return self.likelihood.nll(self.decoder(code(self, z, y)), x) + kl

    def noise(self, n: int, generator: torch.Generator) -> Tensor:
        """Latents of ``n`` images from N(0, I), ``(n, z)``."""
        return normal((n, self.latent_dim), generator).to(device_of(self))

    def generate(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """Images in [0, 1] at latents ``(n, z)`` and conditions ``(n,)``; at the null condition where none is given."""
        return self.decode(noise, condition)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images at latents from N(0, I) and conditions as often as training met them."""
        z = self.noise(n, generator)
        return self.generate(z, usual_conditions(self, n, generator))

    def condition_column(self, c: int) -> tuple[str, int]:
        """The embedding of condition ``c`` that generation depends on: a parameter, and which of its columns."""
        return "decoder.0.weight", self.latent_dim + c

    def _given(self, condition: Tensor | None, n: int) -> Tensor:
        return torch.full((n,), NULL) if condition is None else condition
