"""What the VAEs of this package share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gsu_cli.models.model import Model
from gsu_cli.models.pass_sizes import at_once, together
from gsu_cli.models.prior import kl_to_prior
from gsu_cli.models.sites import OutputLoss
from gsu_cli.surgery.devices import device_of, normal


class Vae(Model):
    """What VAEs with a Gaussian posterior against N(0, I) share: encoder, head and decoder are the subclass's.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014.
    """

    latent_dim: int
    likelihood: OutputLoss
    encoder: nn.Module
    posterior_head: nn.Linear
    decoder: nn.Sequential

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q(z | x): mean and standard deviation, each ``(n, z)``, of images ``(n, c, h, w)`` in [0, 1]."""
        mean, log_var = self.posterior_head(self.encoder(x)).chunk(2, dim=1)
        return mean, (0.5 * log_var).exp()

    def decode(self, z: Tensor) -> Tensor:
        """Images in [0, 1], ``(n, c, h, w)``, at latents ``(n, z)``."""
        parts = z.split(at_once(z, self.shape, training=self.training))
        return together([self.likelihood.mean(self.decoder(part)) for part in parts])

    def loss(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Tensor:
        """-ELBO of each image in nats, ``(n,)``, with one reparametrised latent; labels are ignored."""
        size = at_once(x, self.shape, training=self.training)
        mean, sd = map(together, zip(*map(self.posterior, x.split(size)), strict=True))
        z = mean + sd * normal(mean.shape, generator, mean)
        kl = kl_to_prior(mean, sd).sum(1)
        passes = zip(z.split(size), x.split(size), strict=True)
        return together([self.likelihood.nll(self.decoder(a), b) for a, b in passes]) + kl

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images in [0, 1] at latents from the prior N(0, I)."""
        return self.decode(normal((n, self.latent_dim), generator).to(device_of(self)))

    def generation_parameters(self) -> list[str]:
        """The decoder's parameters: nothing else moves what is generated."""
        return [name for name, _ in self.named_parameters() if name.startswith("decoder.")]
