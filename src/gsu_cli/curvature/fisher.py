"""The Kronecker-factored Fisher of a decoder over latents, and of a denoiser over noised images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.gradients import BLOCK, block_generator
from gsu_cli.models.decoders import decoder_prefix
from gsu_cli.models.protocols import HasNoiseLevels
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.ekfac import EigenvalueBuilder
from gsu_cli.surgery.kfac import KroneckerBuilder
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.taps import eval_mode

VALUES = 1_000_000
"""Pixel values that pass a decoder at once for its Fisher, whose activations are all kept: 81 RGB images of 64 x 64."""

SITES = 125
"""Noised images that pass a denoiser at once for the same."""

LOCATIONS = 64
"""Of a convolution's output, per image, for its Kronecker factors: 8 x 8; larger maps see a part of the images."""


def decoder_fisher(
    model: Any,
    images: Images,
    names: Sequence[str] | None = None,
    *,
    seed: int,
    corrected: bool = True,
    block: int = BLOCK,
) -> KroneckerFisher:
    """The Fisher of ``-log p(x~ | z)`` in the decoder's weights, ``z ~ q(z | x)`` over ``images``, ``x~ ~ p(. | z)``.

    Args:
        model: with ``posterior``, ``decoder`` and ``likelihood``.
        images: whose latents are used, the retained ones.
        names: parameters to cover, as the model names them; all of the decoder when None.
        seed: of latents and targets, block by block as for losses.
        corrected: EK-FAC's eigenvalues, from a second pass over the same noise; K-FAC's when False.
        block: images per pass.
    """
    prefix = decoder_prefix(model)
    builder = KroneckerBuilder(model.decoder, names, prefix=prefix, locations=LOCATIONS)
    _stream_fisher(model, images, builder, seed, block)
    fisher = builder.finish()
    if not corrected:
        return fisher
    correction = EigenvalueBuilder(model.decoder, fisher)
    _stream_fisher(model, images, correction, seed, block)
    return correction.finish()


def denoiser_fisher(
    model: HasNoiseLevels,
    images: Images,
    names: Sequence[str] | None = None,
    *,
    seed: int,
    start: int = 0,
    corrected: bool = False,
    block: int = BLOCK,
) -> KroneckerFisher:
    """The Fisher of a denoiser: of its mean squared error over ``images`` at stratified times from ``start`` on.

    A squared error over ``d`` pixels is the likelihood of a Gaussian of variance ``d / 2``, so the pseudo-gradient of
    an output is ``sqrt(2 / d)`` times standard normal noise, and the Fisher is the Gauss-Newton curvature of the loss.

    Args:
        model: with ``network`` and noise levels.
        images: the retained ones.
        names: parameters to cover, as the model names them; all of the network when None.
        seed: of times and noise, block by block as for losses.
        start: the first time that enters.
        corrected: EK-FAC's eigenvalues, from a second pass over the same noise; K-FAC's when False.
        block: images per draw of times.
    """
    prefix = next(f"{k}." for k, m in model.named_modules() if m is model.network)  # type: ignore[attr-defined]
    builder = KroneckerBuilder(model.network, names, prefix=prefix, locations=LOCATIONS)
    _stream_denoiser(model, images, builder, seed, start, block)
    fisher = builder.finish()
    if not corrected:
        return fisher
    correction = EigenvalueBuilder(model.network, fisher)
    _stream_denoiser(model, images, correction, seed, start, block)
    return correction.finish()


def _stream_denoiser(
    model: HasNoiseLevels,
    images: Images,
    builder: KroneckerBuilder | EigenvalueBuilder,
    seed: int,
    start: int,
    block: int,
) -> None:
    for b, (x, _) in enumerate(images.batches(block)):
        generator = block_generator(seed, b)
        t = model.times(len(x), generator, start).to(x.device)
        x_t = model.noised(x, t, normal(x.shape, generator, x))

        def residual(output: Tensor, generator: torch.Generator = generator) -> Tensor:
            noise = normal(output.shape, generator, output)
            return noise * (2 / output[0].numel()) ** 0.5  # type: ignore[no-any-return]

        size = max(1, min(SITES, VALUES // x[0].numel()))
        for part, at in zip(x_t.split(size), t.split(size), strict=True):
            builder.accumulate((part, at), residual)


def _stream_fisher(
    model: Any, images: Images, builder: KroneckerBuilder | EigenvalueBuilder, seed: int, block: int
) -> None:
    device = device_of(model)
    for b, (x, _) in enumerate(images.batches(block)):
        generator = block_generator(seed, b)
        with torch.no_grad(), eval_mode(model):
            mean, sd = model.posterior(x.to(device))
            z = mean + sd * normal(mean.shape, generator, mean)
        residual = partial(model.likelihood.fisher_residual, generator=generator)
        for part in z.split(max(1, VALUES // x[0].numel())):
            builder.accumulate(part, residual)
