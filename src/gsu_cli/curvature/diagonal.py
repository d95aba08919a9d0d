"""The diagonal Fisher of a network over sites, E[(d loss_i / d theta_j)^2] weight by weight: for masks and penalties.

The squares of every site's own gradient come from one backward pass: ``sum_i g_i^2 a_i^2`` for a Linear layer,
``sum_i (sum_t g_it a_it^T)^2`` for a convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.curvature.blocks import MadeSites, passes, site_blocks
from gsu_cli.data.base import Images
from gsu_cli.models.decoders import check_network, prefix_of, site_maker
from gsu_cli.models.frozen import trainable
from gsu_cli.models.sites import Sites
from gsu_cli.surgery.devices import add_wide, wide
from gsu_cli.surgery.layers import find_scopes, maps_patches, rows, squared_gradients
from gsu_cli.surgery.ranks import ranks
from gsu_cli.surgery.taps import Use, capture, eval_mode
from gsu_cli.surgery.vectors import Vector

CHUNK = 50  # images whose patches, as matrices, are held at once


def diagonal_fisher(model: Any, source: Images | Sites, *, seed: int, targets: str = "data") -> Vector:
    """``E[g_j^2]`` over sites, named as the model names its network's parameters, in their dtype; of frozen ones none.

    Args:
        model: with sites, or with ``posterior``, ``decoder`` and ``likelihood``.
        source: images whose sites are taken, or sites.
        seed: of sites and sampled targets, block by block.
        targets: "data" differentiates the loss at the sites' targets (the empirical Fisher); "model" samples them from
            the model itself.

    Raises:
        UsageError: the model has no network to differentiate.
    """
    maker = site_maker(model)
    check_network(model)
    sums: Vector = {}
    prefix, free = prefix_of(model, maker.network), set(trainable(model))
    names = [prefix + k for k, _ in maker.network.named_parameters() if prefix + k in free]
    scopes = find_scopes(maker.network, names, prefix)
    layers: dict[str, nn.Module] = {s.module: maker.network.get_submodule(s.module) for s in scopes}

    def terms(_: int, made: MadeSites) -> Iterator[Vector]:
        whole, g = made()
        for sites in passes(maker, whole):

            def residual(output: Tensor, x: Tensor = sites.targets, g: torch.Generator = g) -> Tensor:
                if targets == "model":
                    return maker.output_loss.fisher_residual(output, g)
                with torch.enable_grad():
                    leaf = output.detach().requires_grad_()
                    return torch.autograd.grad(maker.output_loss.nll(leaf, x).sum(), leaf)[0]

            taps = capture(maker.network, layers, sites.inputs, residual)
            found: Vector = {}
            for s in scopes:
                found |= _squares(layers[s.module], s.own, taps[s.module])
            yield found

    for part in ranks().parts_in_order(site_blocks(maker, source, seed=seed), terms):
        for k, square in part.items():
            add_wide(sums, k, square)
    own = dict(model.named_parameters())
    return {k: (v / len(source)).to(own[k]) for k, v in sums.items()}


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
