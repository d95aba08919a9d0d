"""Where statistics come from: sites block by block, each block with a generator of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.gradients import BLOCK, block_generator
from gsu_cli.models.protocols import HasImageSites
from gsu_cli.models.sites import Sites
from gsu_cli.surgery.devices import device_of

VALUES = 1_000_000
"""Target values that pass a network at once where all activations are kept: 81 RGB images of 64 x 64."""


MadeSites = Callable[[], tuple[Sites, torch.Generator]]
"""A block of sites that is made when it is asked for: of several processes each makes its own."""


def site_blocks(maker: HasImageSites, source: Images | Sites, *, seed: int, block: int = BLOCK) -> Iterator[MadeSites]:
    """Sites of images, made block by block with its generator, or given ones; the generator goes on after them.

    Args:
        maker: of the sites.
        source: images whose sites are made, or sites.
        seed: of their noise, and of what is sampled after it.
        block: sites in a block.
    """
    device = device_of(maker.network)
    if isinstance(source, Sites):
        for b, part in enumerate(source.split(block)):
            yield partial(_given, part, block_generator(seed, b))
        return
    for b, (x, y) in enumerate(source.batches(block)):
        yield partial(_made, maker, x, y, device, block_generator(seed, b))


def _given(sites: Sites, generator: torch.Generator) -> tuple[Sites, torch.Generator]:
    return sites, generator


def _made(
    maker: HasImageSites, x: Tensor, y: Tensor, device: torch.device, generator: torch.Generator
) -> tuple[Sites, torch.Generator]:
    return maker.sites(x.to(device), y.to(device), generator), generator


def passes(maker: HasImageSites, sites: Sites) -> Iterator[Sites]:
    """The parts of a block that pass the network at once."""
    return sites.split(max(1, min(maker.sites_at_once, VALUES // sites.targets[0].numel())))
