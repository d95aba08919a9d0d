"""The diagonal Fisher of a decoder, E[(d loss_i / d theta_j)^2] weight by weight: what masks and penalties weigh with.

A latent-variable model's drawing depends on the decoder alone, and given a latent its loss is one network's, so the
squares of every image's own gradient come from one backward pass: ``sum_i g_i^2 a_i^2`` for a Linear layer,
``sum_i (sum_t g_it a_it^T)^2`` for a convolution.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.gradients import block_generator
from gsu_cli.models.decoders import check_decoder, decoder_prefix, need_latents
from gsu_cli.surgery.devices import add_wide, normal, wide
from gsu_cli.surgery.layers import find_scopes, maps_patches, rows, squared_gradients
from gsu_cli.surgery.taps import Use, capture, eval_mode
from gsu_cli.surgery.vectors import Vector

BLOCK = 500  # images a pass
CHUNK = 50  # images whose patches, as matrices, are held at once


def diagonal_fisher(model: Any, images: Images, *, seed: int, targets: str = "data") -> Vector:
    """``E[g_j^2]`` over images, named as the model names the decoder's parameters, in their dtype.

    Args:
        model: with ``posterior``, ``decoder`` and ``likelihood``.
        images: whose latents ``z ~ q(z | x)`` are used.
        seed: of latents and drawn targets, block by block.
        targets: "data" differentiates ``-log p(x | z)`` (the empirical Fisher); "model" draws ``x~ ~ p(. | z)``.

    Raises:
        UsageError: the model has no decoder to differentiate.
    """
    need_latents(model)
    check_decoder(model)

    def parts() -> Iterable[tuple[Tensor, Tensor, torch.Generator]]:
        for b, (x, _) in enumerate(images.batches(BLOCK)):
            g = block_generator(seed, b)
            with torch.no_grad(), eval_mode(model):
                mean, sd = model.posterior(x)
            yield mean + sd * normal(mean.shape, g, mean), x, g

    sums: Vector = {}
    scopes = find_scopes(model.decoder, None, decoder_prefix(model))
    layers: dict[str, nn.Module] = {s.module: model.decoder.get_submodule(s.module) for s in scopes}
    for z, x, g in parts():

        def residual(output: Tensor, x: Tensor = x, g: torch.Generator = g) -> Tensor:
            if targets == "model":
                drawn: Tensor = model.likelihood.fisher_residual(output, g)
                return drawn
            with torch.enable_grad():
                leaf = output.detach().requires_grad_()
                return torch.autograd.grad(model.likelihood.nll(leaf, x).sum(), leaf)[0]

        taps = capture(model.decoder, layers, z, residual)
        for s in scopes:
            for k, square in _squares(layers[s.module], s.own, taps[s.module]).items():
                add_wide(sums, k, square)
    own = dict(model.named_parameters())
    return {k: (v / len(images)).to(own[k]) for k, v in sums.items()}


def _squares(layer: nn.Module, own: dict[str, str], uses: Sequence[Use]) -> Vector:
    if len(uses) > 1 or not maps_patches(layer):
        with eval_mode(layer):
            return {own[k]: v for k, v in squared_gradients(layer, own, uses).items()}
    ((x, y),) = uses
    if x.ndim == 2:  # one location: the square of an outer product is one of squares
        a, g = (r[:, 0].square() for r in rows(layer, own, x, y))
        M = g.T @ a
    else:
        M = wide(x.new_zeros(()))
        for x_part, y_part in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
            a, g = rows(layer, own, x_part, y_part)
            M = M + torch.bmm(g.transpose(1, 2), a).square().sum(0).to(M.device)
    found: Vector = {}
    if "weight" in own:
        shape = layer.get_parameter("weight").shape
        found[own["weight"]] = M[:, : shape[1:].numel()].reshape(shape)
    if "bias" in own:
        found[own["bias"]] = M[:, -1]
    return found
