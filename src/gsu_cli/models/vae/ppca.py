"""A linear-Gaussian VAE, probabilistic PCA: every quantity that others estimate has a closed form here.

The NLL is exact and needs no noise, training is one eigendecomposition, retraining another, and distances between two
models are those of two Gaussians. It is there to test estimators of influence and of retraining against.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.checks import as_int, as_shape
from gsu_cli.errors import UsageError
from gsu_cli.models.likelihoods import Gaussian
from gsu_cli.models.model import Model
from gsu_cli.models.vae.linear_gaussian import MU, Moments, W, fitted
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.vectors import Vector, VectorLike


class Ppca(Model):
    """x = W z + mu + sigma e.

    Args:
        shape: ``(c, h, w)`` of the images.
        latent_dim: z, the number of latents, below that of pixels.
        sigma: standard deviation of a pixel around ``W z + mu``, in (0, 10].

    Raises:
        UsageError: an option means nothing.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int = 8, sigma: float = 0.2) -> None:
        super().__init__()
        self.shape, self.latent_dim = as_shape("model.shape", shape), as_int("model.latent_dim", latent_dim)
        pixels = math.prod(self.shape)
        if self.latent_dim >= pixels:
            raise UsageError(f"`model.latent_dim` must be below the number of pixels, {pixels}", found=latent_dim)
        self.likelihood = Gaussian(sigma)
        self.decoder = nn.Sequential(nn.Linear(self.latent_dim, pixels), nn.Unflatten(1, self.shape))

    def config(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "latent_dim": self.latent_dim, "sigma": self.likelihood.sigma}

    @property
    def theta(self) -> Vector:
        """``W`` and ``mu`` in float64, detached."""
        linear: Any = self.decoder[0]
        return {W: linear.weight.detach().double().cpu(), MU: linear.bias.detach().double().cpu()}

    @torch.no_grad()
    def set(self, theta: VectorLike) -> None:
        """Takes the weights ``theta``."""
        linear: Any = self.decoder[0]
        linear.weight.copy_(theta[W])
        linear.bias.copy_(theta[MU])

    def fit_exactly(self, batches: Iterable[Tensor]) -> None:
        """The weights of least mean loss on images ``(n, c, h, w)`` in [0, 1], given in batches."""
        self.set(fitted(Moments.of(batches), self.latent_dim, self.likelihood.sigma))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The exact posterior's mean and marginal standard deviations, each ``(n, z)``.

        After training the columns of ``W`` are orthogonal and the latents independent; after a step they need not be.
        """
        weight, r, M = self._parts(x)
        mean = torch.linalg.solve(M, (r @ weight).T).T
        sd = (self.likelihood.sigma**2 * torch.linalg.inv(M).diagonal()).sqrt()
        return mean, sd.expand_as(mean)

    def loss(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Tensor:
        """The exact NLL of each image, ``(n,)`` nats, 0 for an exact reproduction; labels and noise are not needed."""
        weight, r, M = self._parts(x)
        inside = r @ weight
        squares = r.square().sum(1) - (inside * torch.linalg.solve(M, inside.T).T).sum(1)
        s2 = self.likelihood.sigma**2
        found: Tensor = 0.5 * (squares / s2 + torch.linalg.slogdet(M)[1] - self.latent_dim * math.log(s2))
        return found

    def decode(self, z: Tensor) -> Tensor:
        """Images in [0, 1], ``(n, c, h, w)``, at latents ``(n, z)``."""
        return self.likelihood.mean(self.decoder(z))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images in [0, 1] at latents from N(0, I)."""
        return self.decode(normal((n, self.latent_dim), generator).to(device_of(self)))

    def generation_parameters(self) -> list[str]:
        return ["decoder.0.weight", "decoder.0.bias"]

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        linear: Any = self.decoder[0]
        weight, r = linear.weight, x.flatten(1) - linear.bias
        return weight, r, weight.T @ weight + self.likelihood.sigma**2 * torch.eye(self.latent_dim).to(weight)
