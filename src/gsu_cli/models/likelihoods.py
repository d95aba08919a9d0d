"""What a decoder's output says of the pixels: p(x | output)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.checks import quoted
from gsu_cli.errors import UsageError
from gsu_cli.surgery.devices import coins, normal

VISIBLE_LOGIT = 4.0  # beyond it a pixel is black or white to within 2 %
LEAST_SIGMA = 1e-6  # a wrong pixel then costs 5e11 nats


class Bernoulli:
    """Pixel logits; targets anywhere in [0, 1], so that a generated image can itself be a target (cross-entropy)."""

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(output, x, reduction="none").flatten(1).sum(1)

    def mean(self, output: Tensor) -> Tensor:
        return torch.sigmoid(output)

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        p = torch.sigmoid(output)
        return p - coins(p, generator)


class Gaussian:
    """Pixels N(output, sigma^2), sigma fixed.

    The constant of the density is left out, so that 0 nats is an exact reproduction: relative changes of the -ELBO
    then mean something, which they would not around the arbitrary zero of a density.

    Args:
        sigma: standard deviation of a pixel, in units of the full range, from 1e-6 to 10. Pixels of an image say much
            the same as their neighbours; a sigma above their real noise makes up for counting them as independent.

    Raises:
        UsageError: sigma is not in (0, 10], or below 1e-6.
    """

    def __init__(self, sigma: float) -> None:
        if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 < sigma <= 10:
            raise UsageError("`model.sigma` must be a number in (0, 10]", found=quoted(sigma))
        if sigma < LEAST_SIGMA:
            raise UsageError(
                f"`model.sigma` must be at least {LEAST_SIGMA:g}: below it the loss of an image overflows",
                found=sigma,
                way_out="Type 0.004 or more, a step between two grey levels of 8 bits",
            )
        self.sigma = float(sigma)

    def nll(self, output: Tensor, x: Tensor) -> Tensor:
        apart = output - x
        squares = apart.square() if apart.requires_grad else apart.square_()  # half the memory to go through
        return squares.flatten(1).sum(1) / (2 * self.sigma**2)

    def mean(self, output: Tensor) -> Tensor:
        return output.clamp(0, 1)

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        return (
            normal(output.shape, generator, output) / self.sigma
        )  # (output - x~) / sigma^2 for x~ ~ N(output, sigma^2)


def visible(likelihood: object, output: Tensor) -> Tensor:
    """A decoder's output without what cannot be seen: how far beyond black or white a pixel lies.

    >>> visible(Bernoulli(), torch.tensor([-20.0, 0.5])).tolist()
    [-4.0, 0.5]

    Args:
        likelihood: of the pixels; of one that is not of this module nothing is taken away.
        output: of any shape.
    """
    if isinstance(likelihood, Bernoulli):
        return visible_logits(output)
    return output.clamp(0, 1) if isinstance(likelihood, Gaussian) else output


def visible_logits(output: Tensor) -> Tensor:
    """The same of logits."""
    return output.clamp(-VISIBLE_LOGIT, VISIBLE_LOGIT)
