"""A bound on -log P of held-out images with 8-bit pixels, in nats: diffusion models and VAEs in one unit.

Training losses cannot be compared between families: one is a squared error, another a -ELBO of a density. Here both
models give a probability to the image as it lies on disk, 256 grey levels a pixel:

* a diffusion model by the variational bound of its ancestral sampling, see `evaluation.variational`;
* a VAE by ``KL(q(z | x) || p(z)) - E log P(x | z)``, with the mass that its likelihood gives to each grey level, see
  `evaluation.grey_levels`. A Bernoulli likelihood of grey values is no distribution of them and is read as the
  continuous Bernoulli, which is its density; the VAE's own -ELBO is another number.

Both are upper bounds, and how loose each is nobody knows: a lower number is a better bound, not surely a better model.
Neither sees quality. A likelihood whose width is fixed in training (a Gaussian's sigma) decides most of a VAE's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_int
from gsu_cli.data.base import Images
from gsu_cli.evaluation.grey_levels import log_mass
from gsu_cli.evaluation.heldout import HeldoutPart, change_from_original
from gsu_cli.evaluation.real_images import at_most
from gsu_cli.evaluation.variational import denoiser_bound
from gsu_cli.gradients import BLOCK, block_generator
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.models.conditions import NULL, code, posterior
from gsu_cli.models.prior import kl_to_prior
from gsu_cli.models.protocols import HasDecoder, HasSchedule
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive
from gsu_cli.surgery.devices import device_of, normal
from gsu_cli.surgery.taps import eval_mode

UNIT = "nats, 8-bit pixels"
KINDS = {
    "retain": Kind("nll_bound_retain", "NLL bound, retain", "cost", UNIT, better="lower"),
    "forget": Kind("nll_bound_forget", "NLL bound, forget", "forgetting", UNIT),  # how high is right, retraining tells
}


class NllBound:
    """Mean bound on -log P per held-out image, normal interval over images; the same noise for every subject.

    Args:
        images: of each part, at most; chosen at random.
        times: noise levels (of a VAE: latents) at which each image is looked at.

    Raises:
        UsageError: ``images`` is no integer >= 2, or ``times`` none >= 1.
    """

    def __init__(self, images: int = 1000, times: int = 4) -> None:
        self.images = as_int("metric.nll_bound.images", images, least=2)
        self.times = as_int("metric.nll_bound.times", times)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        if subject.model is None:
            return []
        return [self._part(HeldoutPart.of(name, "nll_bound"), subject, context) for name in ("retain", "forget")]

    def _part(self, part: HeldoutPart, subject: EvaluatedModel, context: EvaluationContext) -> Measurement:
        kind, images = KINDS[part.part], part.images(context.split)
        if not len(images):
            return kind.missing(subject, part.none(context.split))
        images = images[at_most(self.images, len(images), context.seed).sort().values]
        found = bounds(subject.model, images, seed=derive(context.seed, "nll bound", part.part), times=self.times)
        if found is None:
            return kind.missing(subject, f"{type(subject.model).__name__} gives grey levels no probability")
        if not bool(torch.isfinite(found).all()):
            return kind.missing(subject, "the bound is not finite")
        change = change_from_original(found, subject, context.cache, name=kind.name, unit=kind.unit)
        return kind.mean(subject, found, change=change)


def bounds(model: Any, images: Images, *, seed: int, times: int) -> Tensor | None:
    """The bound of each image, ``(n,)`` float64 on the CPU, block by block as losses are; None where there is none.

    Args:
        model: any.
        images: with 8-bit pixels.
        seed: of the noise.
        times: noise levels or latents of each image.
    """
    of = _denoiser if _denoises(model) else _decoder if isinstance(model, HasDecoder) else None
    if of is None:
        return None
    parts = []
    with eval_mode(model):
        for b, (x, _) in enumerate(images.batches(BLOCK)):
            found = of(model, x.to(device_of(model)), block_generator(seed, b), times)
            if found is None:
                return None
            parts.append(found.cpu())
    return torch.cat(parts)


def _denoises(model: Any) -> bool:
    return isinstance(model, HasSchedule)


def _denoiser(model: Any, x: Tensor, generator: torch.Generator, times: int) -> Tensor:
    return denoiser_bound(model, x, generator, times=times)


@torch.no_grad()
def _decoder(model: Any, x: Tensor, generator: torch.Generator, times: int) -> Tensor | None:
    y = torch.full((len(x),), NULL)
    mean, sd = posterior(model, x, y)
    total = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(times):
        z = mean + sd * normal(mean.shape, generator, mean)
        mass = log_mass(model.likelihood, model.decoder(code(model, z, y)), x)
        if mass is None:
            return None
        total -= mass.cpu() / times
    return total + kl_to_prior(mean.cpu().double(), sd.cpu().double()).sum(1)
