"""Where statistics come from: sites block by block, each block with a generator of its own."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gsu_cli.data.base import Images
from gsu_cli.gradients import BLOCK, block_generator
from gsu_cli.models.protocols import HasImageSites
from gsu_cli.models.sites import Sites
from gsu_cli.surgery.devices import device_of

VALUES = 1_000_000
"""Target values that pass a network at once where all activations are kept: 81 RGB images of 64 x 64."""


def site_blocks(
    maker: HasImageSites, source: Images | Sites, *, seed: int, block: int = BLOCK
) -> Iterator[tuple[Sites, torch.Generator]]:
    """Sites of images, made block by block with its generator, or given ones; the generator goes on after them.

    Args:
        maker: of the sites.
        source: images whose sites are made, or sites.
        seed: of their noise, and of what is drawn after it.
        block: sites in a block.
    """
    device = device_of(maker.network)
    if isinstance(source, Sites):
        for b, part in enumerate(source.split(block)):
            yield part, block_generator(seed, b)
        return
    for b, (x, y) in enumerate(source.batches(block)):
        generator = block_generator(seed, b)
        yield maker.sites(x.to(device), y.to(device), generator), generator


def passes(maker: HasImageSites, sites: Sites) -> Iterator[Sites]:
    """The parts of a block that pass the network at once."""
    return sites.split(max(1, min(maker.sites_at_once, VALUES // sites.targets[0].numel())))
