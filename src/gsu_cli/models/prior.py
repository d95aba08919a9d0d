"""The prior N(0, I) of latents, and what a posterior costs against it."""

from __future__ import annotations

from torch import Tensor


def kl_to_prior(mean: Tensor, sd: Tensor) -> Tensor:
    """KL(N(mean, sd^2) | N(0, I)) of each coordinate of each latent, nats, ``(n, z)``.

    >>> import torch
    >>> kl_to_prior(torch.tensor([[0.0, 2.0]]), torch.ones(1, 2)).tolist()
    [[0.0, 2.0]]
    """
    return 0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log())
