"""Gauss-Newton products of a decoder's likelihood at given latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gsu_cli.gradients import BLOCK
from gsu_cli.models.decoders import decoder_prefix
from gsu_cli.surgery.gauss_newton import gauss_newton_product, output_curvature
from gsu_cli.surgery.vectors import Vector, VectorLike


def decoder_gauss_newton(model: Any, theta: Vector, latents: Tensor) -> Callable[[VectorLike], Vector]:
    """``v -> G v``, the mean over ``latents`` of ``J^T H J`` with J of the decoder's output, H of the likelihood.

    Args:
        model: with ``decoder`` and ``likelihood``.
        theta: the weights at which it is taken, named as the model names them; ``v`` has the same names.
        latents: ``(n, z)``.
    """
    likelihood, decoder, prefix = model.likelihood, model.decoder, decoder_prefix(model)

    def output(theta: Vector, z: Tensor) -> Tensor:
        own = {k.removeprefix(prefix): v for k, v in theta.items()}
        found: Tensor = torch.func.functional_call(decoder, own, (z,))
        return found

    H = output_curvature(likelihood.nll, likelihood.mean)
    return lambda v: gauss_newton_product(output, latents.split(BLOCK // 2), H, theta, v)
