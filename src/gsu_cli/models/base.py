"""What a model must offer so that every method, judge and metric can work with it.

A generator is an ``nn.Module`` with

* ``loss(x, y, generator) -> (n,)``: the training loss of each image (for a VAE the negative ELBO, nats);
* ``sample(n, generator) -> (n, c, h, w)`` in [0, 1];
* ``generation_parameters() -> names`` of the parameters that sampling depends on.

A latent-variable model offers besides ``posterior(x) -> (mean, sd)``, both ``(n, z)``, and a ``decoder`` module
``z -> output`` whose output parametrises a ``likelihood``; the redirect objective and the Kronecker factors need
those and nothing else, so a convolutional or a foreign model joins by having them.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Likelihood(Protocol):
    """p(x | output), all functions per image."""

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        """-log p(x | output) in nats (constants that no parameter moves may be left out), ``(n,)``."""

    def mean(self, output: Tensor) -> Tensor:
        """E[x | output] in [0, 1]: what is drawn, shape of ``output``."""

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        """D nll(output, x~)/d output for x~ ~ p(. | output): the pseudo-gradient whose covariance is the Fisher."""


class Bernoulli:
    """Pixel logits; targets anywhere in [0, 1], so that a drawn image can itself be a target (cross-entropy)."""

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(output, x, reduction="none").flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output)

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.sigmoid(output)
        return p - torch.bernoulli(p, generator=generator)


class Model(nn.Module):
    """Base of the models in this package; a user's own class needs the same members, not this parent."""

    shape: tuple[int, int, int]

    def config(self) -> dict[str, Any]:
        """Constructor arguments: with the class path they rebuild the architecture from a checkpoint alone."""
        raise NotImplementedError


@runtime_checkable
class Generator(Protocol):
    """Anything that can be trained, sampled from and made to forget."""

    shape: tuple[int, int, int]

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor: ...
    def sample(self, n: int, generator: torch.Generator) -> Tensor: ...
    def generation_parameters(self) -> list[str]: ...


@runtime_checkable
class LatentGenerator(Generator, Protocol):
    """A generator with an amortised posterior and a decoder."""

    latent_dim: int
    decoder: nn.Module
    likelihood: Likelihood

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]: ...
    def decode(self, z: Tensor) -> Tensor: ...
