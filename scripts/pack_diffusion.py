"""The card of a diffusion model that ships: what its samples are worth, measured on the packed file."""

from __future__ import annotations

from pathlib import Path

from gsu_cli.data.base import Dataset
from gsu_cli.metrics.heldout_loss import HeldoutLoss
from pack_conditional import asked_lines, kind
from pack_samples import SEED, Sampled


def diffusion_lines(path: Path, dataset: Dataset) -> list[str]:
    """What a denoiser's samples are worth, by the CNN judge and the neighbours."""
    found = Sampled(path, dataset)
    model = found.model
    loss = HeldoutLoss("retain")(found.generated, found.context)[0]
    size = sum(p.numel() for p in model.parameters())
    return [
        f"{kind(model, 'Diffusion model')} of {size:,} weights (UNet"
        f" {'-'.join(map(str, model.channels))} on patches of {model.patch} x"
        f" {model.patch} pixels, {model.prediction} prediction, {model.schedule} schedule, {model.sample_steps} DDIM"
        f" steps){found.without}; Frechet distance {found.distance.value:.1f}.",
        "| samples | |",
        "|---|---|",
        f"| {loss.unit} on {loss.n:,} held-out images | {loss.value:.4f} [{loss.low:.4f}, {loss.high:.4f}] |",
        *found.quality(),
        *asked_lines(model, found.verdict, SEED),
        *found.digits(),
    ]
