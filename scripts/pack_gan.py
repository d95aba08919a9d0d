"""The card of a GAN that ships: what its samples are worth, measured on the packed file."""

from __future__ import annotations

from pathlib import Path

from gsu_cli.data.base import Dataset
from pack_samples import Sampled


def gan_lines(path: Path, dataset: Dataset) -> list[str]:
    """What a generator's samples are worth, by the CNN judge and the neighbours."""
    found = Sampled(path, dataset)
    model = found.model
    sizes = [sum(p.numel() for p in part.parameters()) for part in (model.network, model.discriminator)]
    return [
        f"GAN of {sizes[0]:,} and {sizes[1]:,} weights (generator and critic, R1 and R2 at {model.gamma:g},"
        f" {model.latent_dim} latents){found.without}; Frechet distance {found.distance.value:.1f}.",
        "| samples | |",
        "|---|---|",
        *found.quality(),
        *found.digits(),
    ]
