"""Generators that keep the contract in unusual ways, for tests/e2e/test_odd_models.py."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.models.likelihoods import Bernoulli

HIDDEN = 16


class Plain(nn.Module):
    """No latents to ask for: loss, sample, generation_parameters."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.shape, pixels = tuple(shape), shape[0] * shape[1] * shape[2]
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 4))
        self.prior = nn.Linear(2, 2)
        self.decoder_ = nn.Sequential(
            nn.Linear(2, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, pixels), nn.Unflatten(1, shape)
        )
        self.likelihood_ = Bernoulli()

    def config(self) -> dict[str, Any]:
        return {"shape": list(self.shape)}

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_var = self.encode(x).chunk(2, dim=1)
        return mean, (0.5 * log_var).exp()

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        mean, sd = self._posterior(x)
        z = mean + sd * torch.randn(mean.shape, generator=generator)
        kl = 0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log()).sum(1)
        return self.likelihood_.nll(self.decoder_(self.prior(z)), x) + kl

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.likelihood_.mean(self.decoder_(self.prior(torch.randn(n, 2, generator=generator))))

    def generation_parameters(self) -> list[str]:
        return [k for k, _ in self.named_parameters() if k.startswith(("decoder", "prior"))]


class Unscaled(Plain):
    """Samples between -1 and 1, as of a tanh."""

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return 2 * super().sample(n, generator) - 1


class PosteriorAlone(Plain):
    """A posterior, and nothing that draws at its latents."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._posterior(x)


class PosteriorAndDecode(PosteriorAlone):
    """Images go there and back, without a decoder to look into."""

    latent_dim = 2

    def decode(self, z: Tensor) -> Tensor:
        return self.likelihood_.mean(self.decoder_(self.prior(z)))


class NoDecode(PosteriorAlone):
    """A decoder and a likelihood, but no decode; some of what generation depends on lies outside of the decoder."""

    latent_dim = 2

    def __init__(self, shape: list[int]) -> None:
        super().__init__(shape)
        self.decoder, self.likelihood = self.decoder_, self.likelihood_
        del self.decoder_

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, sd = self._posterior(x)
        return self.prior(mean), sd

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        mean, sd = self.posterior(x)
        z = mean + sd * torch.randn(mean.shape, generator=generator)
        kl = 0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log()).sum(1)
        return self.likelihood.nll(self.decoder(z), x) + kl

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.likelihood.mean(self.decoder(torch.randn(n, 2, generator=generator)))


class HalfInside(NoDecode):
    """As above, with decode and all else inside."""

    def decode(self, z: Tensor) -> Tensor:
        return self.likelihood.mean(self.decoder(z))


class Uncopyable(NoDecode):
    """A module that deepcopy refuses, with an attention whose fused kernel has no second derivative."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__(shape)
        self.lines = (n for n in range(3))

    def generation_parameters(self) -> list[str]:
        return [k for k, _ in self.named_parameters() if k.startswith("decoder")]


class OldNorm(NoDecode):
    """The older weight normalisation in the decoder: parameters named weight_g and weight_v, no copies either."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__(shape)
        nn.utils.weight_norm(self.decoder[3])

    def generation_parameters(self) -> list[str]:
        return [k for k, _ in self.named_parameters() if k.startswith("decoder")]


class TiedDecoder(NoDecode):
    """Two layers of the decoder share a weight."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__(shape)
        square = nn.Linear(HIDDEN, HIDDEN)
        other = nn.Linear(HIDDEN, HIDDEN)
        other.weight = square.weight
        self.decoder = nn.Sequential(*self.decoder[:3], square, nn.ReLU(), other, nn.ReLU(), *self.decoder[3:])

    def generation_parameters(self) -> list[str]:
        return [k for k, _ in self.named_parameters() if k.startswith("decoder")]
