"""The card of a GAN that ships: what its samples are worth, measured on the packed file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gsu_cli.data.base import Dataset
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.real_images import real_images
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.judges.base import Verdict
from gsu_cli.judges.cnn import Cnn
from gsu_cli.judges.knn import Knn
from gsu_cli.metrics.frechet_distance import FrechetDistance
from gsu_cli.run.checkpoints import load_checkpoint
from pack_diffusion import left_out

SAMPLES, SEED = 2_000, 0


def gan_lines(path: Path, dataset: Dataset) -> list[str]:
    """What a generator's samples are worth, by the CNN judge and the neighbours."""
    c = load_checkpoint(path)
    digit, split = left_out(c, dataset)
    cnn, knn = Cnn().prepare(dataset, seed=SEED), Knn().prepare(dataset, seed=SEED)
    context = EvaluationContext(split, {"cnn": cnn, "knn": knn}, {}, SEED)
    generated = EvaluatedModel("original", generate_samples(c.model, SAMPLES, SEED), c.model, c.sha256)
    real = real_images(split.heldout_retain_images)
    distance, floor = (FrechetDistance()(s, context)[0] for s in (generated, real))
    asked = (generated.verdict(cnn), real.verdict(cnn), generated.verdict(knn))
    verdicts = [v for v in asked if isinstance(v, Verdict)]
    if len(verdicts) < 3:
        raise SystemExit("the digits need judges of classes")
    verdict, on_real, neighbours = verdicts
    one, other = (torch.bincount(v.labels, minlength=10) / SAMPLES for v in (verdict, neighbours))
    model: Any = c.model
    sizes = [sum(p.numel() for p in part.parameters()) for part in (model.network, model.discriminator)]
    without = "" if digit is None else f" that never saw a {digit}: the retrained reference of mnist/dcgan"
    return [
        f"GAN of {sizes[0]:,} and {sizes[1]:,} weights (generator and critic, R1 and R2 at {model.gamma:g},"
        f" {model.latent_dim} latents){without}; Frechet distance {distance.value:.1f}.",
        "| samples | |",
        "|---|---|",
        f"| Frechet distance to real data (CNN features, {distance.n:,} samples) | {distance.value:.2f}"
        f" [{distance.low:.2f}, {distance.high:.2f}]; real held-out images have {floor.value:.2f} |",
        f"| mean confidence of the CNN judge | {verdict.confidence.mean():.3f}; on real held-out images"
        f" {on_real.confidence.mean():.3f} |",
        f"| the judge abstains on | {verdict.abstains.float().mean():.1%} |",
        f"| share of each digit, 0 to 9, by the CNN | {', '.join(f'{s:.3f}' for s in one.tolist())} |",
        f"| the same by the neighbours | {', '.join(f'{s:.3f}' for s in other.tolist())} |",
    ]
