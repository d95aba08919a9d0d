"""The Kronecker-factored Fisher of a model's network over sites: of latents, noised images or whatever it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from gsu_cli.curvature.blocks import MadeSites, passes, site_blocks
from gsu_cli.data.base import Images
from gsu_cli.gradients import BLOCK
from gsu_cli.models.decoders import prefix_of, site_maker
from gsu_cli.models.protocols import HasImageSites
from gsu_cli.models.sites import Sites
from gsu_cli.surgery.ekfac import EigenvalueBuilder
from gsu_cli.surgery.kfac import KroneckerBuilder
from gsu_cli.surgery.kronecker import KroneckerFactors, KroneckerFisher
from gsu_cli.surgery.ranks import ranks
from gsu_cli.surgery.vectors import Vector

LOCATIONS = 64
"""Of a convolution's output, per site, for its Kronecker factors: 8 x 8; larger maps see a part of the sites."""


def kronecker_fisher(
    model: Any,
    source: Images | Sites,
    names: Sequence[str] | None = None,
    *,
    seed: int,
    ekfac: bool = False,
    block: int = BLOCK,
) -> KroneckerFisher:
    """The Fisher of the output loss over the sites of ``source``, targets sampled from the model itself.

    Of a decoder that is ``-log p(x~ | z)``, ``z ~ q(z | x)``, ``x~ ~ p(. | z)``. Of a squared error it is the
    Gauss-Newton curvature of the loss.

    Args:
        model: with sites, or with ``posterior``, ``decoder`` and ``likelihood``.
        source: images, the retained ones, or sites.
        names: parameters to cover, as the model names them; all of the network when None.
        seed: of sites and targets, block by block as for losses.
        ekfac: EK-FAC's eigenvalues, from a second pass over the same noise; K-FAC's when False.
        block: sites per draw of their noise.

    Raises:
        UsageError: the model has no sites, or the network has parameters without a layer of their own.
    """
    fisher = kronecker_factors(model, source, names, seed=seed, block=block).fisher()
    if not ekfac:
        return fisher
    correction = EigenvalueBuilder(site_maker(model).network, fisher)
    _stream(correction, site_maker(model), source, seed, block)
    return correction.finish()


def kronecker_factors(
    model: Any, source: Images | Sites, names: Sequence[str] | None = None, *, seed: int, block: int = BLOCK
) -> KroneckerFactors:
    """Those of `kronecker_fisher`, which takes the same, without eigenbases."""
    maker = site_maker(model)
    factors = KroneckerBuilder(maker.network, names, prefix=prefix_of(model, maker.network), locations=LOCATIONS)
    _stream(factors, maker, source, seed, block)
    return factors.factors()


def _stream(
    builder: KroneckerBuilder | EigenvalueBuilder, maker: HasImageSites, source: Images | Sites, seed: int, block: int
) -> None:
    def terms(_: int, made: MadeSites) -> Iterator[Vector]:
        sites, generator = made()
        residual = partial(maker.output_loss.fisher_residual, generator=generator)
        for part in passes(maker, sites):
            yield builder.terms(part.inputs, residual)

    for found in ranks().parts_in_order(site_blocks(maker, source, seed=seed, block=block), terms):
        builder.add(found)
