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

import copy
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.models.protocols import HasDecoder, HasPosterior
from gsu_cli.models.sites import OutputLoss
from gsu_cli.surgery.devices import coins, device_of, normal


class Bernoulli:
    """Pixel logits; targets anywhere in [0, 1], so that a drawn image can itself be a target (cross-entropy)."""

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(output, x, reduction="none").flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output)

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.sigmoid(output)
        return p - coins(p, generator)


class Gaussian:
    """Pixels N(output, sigma^2), sigma fixed.

    The constant of the density is left out, so that 0 nats is an image drawn exactly: relative changes of the -ELBO
    then mean something, which they would not around the arbitrary zero of a density.

    Args:
        sigma: standard deviation of a pixel, in units of the full range, in (0, 10]. Pixels of an image say much the
            same as their neighbours; a sigma above their real noise makes up for counting them as independent.

    Raises:
        UsageError: sigma is not in (0, 10].
    """

    def __init__(self, sigma: float) -> None:
        if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 < sigma <= 10:
            raise UsageError("`model.sigma` must be a number in (0, 10]", found=repr(sigma))
        self.sigma = float(sigma)

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        return (output - x).square().flatten(1).sum(1) / (2 * self.sigma**2)

    def mean(self, output: Tensor) -> Tensor:
        return output.clamp(0, 1)

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        return (
            normal(output.shape, generator, output) / self.sigma
        )  # (output - x~) / sigma^2 for x~ ~ N(output, sigma^2)


def reconstructs(model: Any) -> bool:
    """Whether images can go through a model and come back."""
    return isinstance(model, HasDecoder | HasPosterior)


def decode(model: Any, z: Tensor) -> Tensor:
    """Images in [0, 1], ``(n, c, h, w)``, at latents ``(n, z)``: by ``decode``, or the likelihood's mean without it."""
    found: Tensor = model.decode(z) if hasattr(model, "decode") else model.likelihood.mean(model.decoder(z))
    return found


def copied(model: Any) -> Any:
    """An independent copy; where the class cannot be copied, it is rebuilt from class, config and state dict.

    Raises:
        UsageError: it cannot be rebuilt either.
    """
    try:
        return copy.deepcopy(model)
    except Exception as e:  # noqa: BLE001  # old weight norm, locks, open files: a module can hold anything
        try:
            with torch.random.fork_rng(devices=[]):  # its first weights are thrown away
                again = type(model)(**model.config())
            again.load_state_dict(model.state_dict())
        except Exception as again_e:  # noqa: BLE001
            raise UsageError(
                f"{type(model).__name__} must be possible to copy, or to rebuild from its config()",
                found=f"{type(e).__name__}: {' '.join(str(again_e).split())[:160]}",
            ) from e
    return again.to(device_of(model)).train(model.training)


class Model(nn.Module):
    """Base of the models in this package; a user's own class needs the same members, not this parent."""

    shape: tuple[int, int, int]

    def config(self) -> dict[str, Any]:
        """Constructor arguments: with the class path they rebuild the architecture from a checkpoint alone."""
        raise NotImplementedError


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
        """Images in [0, 1], ``(n, c, h, w)``, drawn at latents ``(n, z)``."""
        return self.likelihood.mean(self.decoder(z))

    def loss(self, x: Tensor, y: Tensor | None, generator: torch.Generator) -> Tensor:
        """-ELBO of each image in nats, ``(n,)``, with one reparametrised latent; labels are ignored."""
        mean, sd = self.posterior(x)
        z = mean + sd * normal(mean.shape, generator, mean)
        kl = 0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log()).sum(1)
        return self.likelihood.nll(self.decoder(z), x) + kl

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` images in [0, 1] at latents from the prior N(0, I)."""
        return self.decode(normal((n, self.latent_dim), generator).to(device_of(self)))

    def generation_parameters(self) -> list[str]:
        """The decoder's parameters: nothing else moves what is drawn."""
        return [name for name, _ in self.named_parameters() if name.startswith("decoder.")]


def whole(name: str, value: object, least: int = 1) -> int:
    """``value`` as the option ``model.<name>`` that must be a whole number.

    Raises:
        UsageError: it is none, or under ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"`model.{name}` must be an integer >= {least}", found=repr(value))
    return value


def wholes(name: str, values: object, least: int = 1, *, empty: bool = False) -> tuple[int, ...]:
    """``values`` as the option ``model.<name>`` that must be a list of whole numbers, at least one unless ``empty``.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not (empty or len(values)):
        at_least = "" if empty else ", at least one"
        raise UsageError(f"`model.{name}` must be a list of integers{at_least}", found=repr(values))
    return tuple(whole(f"{name}[{i}]", value, least) for i, value in enumerate(values))


def image_shape(values: object) -> tuple[int, int, int]:
    """``values`` as channels, height and width.

    Raises:
        UsageError: they are not three whole numbers >= 1.
    """
    shape = wholes("shape", values)
    if len(shape) != 3:
        raise UsageError("`model.shape` must be channels, height and width", found=list(shape))
    return shape[0], shape[1], shape[2]


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
    likelihood: OutputLoss

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]: ...
    def decode(self, z: Tensor) -> Tensor: ...
