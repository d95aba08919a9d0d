"""A model's own samples, and the redirect objective among them: for a GAN, which has no loss of an image.

    L(theta) = mean_i |G_theta(z_i) - t_i|^2 / d,   z_i a latent at which the original makes what is to be forgotten,

``t_i`` the clean retained sample of the original that is nearest to ``G_0(z_i)`` in pixels. A labeller that training
images have taught gives the odds that a sample shows it; no judge is involved. One that is missed stays for good, one
too many only changes: a sample is redirected from odds of a half on, and retained below a quarter. What lies between
is left alone, neither held in place nor a target. A retained sample is *clean* when none of its nearest samples may
show what is to be forgotten: without that, the targets of a 1 are the most 1-like of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.nearest import nearest
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.functional_call import called
from gsu_cli.surgery.vectors import VectorLike

CHUNK = 500  # samples a pass
NEIGHBOURS = 10
REDIRECTED, RETAINED = 0.5, 0.25  # odds above and below which a sample is


@dataclass(frozen=True)
class OwnSamples:
    """Samples with their noise.

    Attributes:
        noise: ``(n, ...)``.
        images: ``(n, c, h, w)`` in [0, 1].
        odds: that they show what is to be forgotten, over those of a training image, ``(n,)``.
    """

    noise: Tensor
    images: Tensor
    odds: Tensor

    @property
    def shows(self) -> Tensor:
        """Which of them may show what is to be forgotten, ``(n,)`` bool."""
        return self.odds > REDIRECTED

    def at(self, index: Tensor | slice) -> OwnSamples:
        return OwnSamples(self.noise[index], self.images[index], self.odds[index])

    def kept(self) -> OwnSamples:
        """Those that clearly do not show it."""
        return self.at(self.odds < RETAINED)

    def variance(self) -> float:
        """`variance` of the samples."""
        return variance(self.images)

    def sites(self, extra: float = 0.0) -> Sites:
        """Noise and what is generated there; ``extra`` is added to each loss."""
        constant = self.images.new_full((len(self.images),), extra) if extra else None
        return Sites((self.noise,), self.images, constant)


def variance(images: Tensor) -> float:
    """Mean over pixels of the variance of retained samples, ``(n, c, h, w)``: what a drift is a share of.

    Raises:
        UsageError: they are all the same.
    """
    found = float(wide(images - images.mean(0)).square().mean())
    if not found > 0:
        raise UsageError("retained samples must differ from each other", found="one image for all noise")
    return found


def drift(now: Tensor, before: Tensor, spread: float) -> float:
    """How far retained samples have moved, ``E |now - before|^2``, as a share of their variance ``spread``.

    Raises:
        NonFiniteError: it is nan or infinite.
    """
    found = float(wide(now - before).square().mean()) / spread
    if not isfinite(found):
        raise NonFiniteError("the drift of retained samples must stay finite", found=found)
    return found


class _Generating(torch.nn.Module):
    """``generate`` with the face of a forward pass: `called` swaps parameters for ``forward`` only."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, noise: Tensor) -> Tensor:
        images: Tensor = self.model.generate(noise)
        return images


@torch.no_grad()
def generated_from(model: Any, noise: Tensor, theta: VectorLike | None = None) -> Tensor:
    """What a model generates from ``noise``, ``(n, c, h, w)`` in [0, 1]; at weights ``theta`` where given."""
    own = {f"model.{k}": v for k, v in (theta or {}).items()}
    return torch.cat([called(_Generating(model), own, (part,)) for part in noise.split(CHUNK)])


@torch.no_grad()
def own_samples(
    model: Any, n: int, odds: Callable[[Tensor], Tensor], *, seed: int, option: str = "method.bank_images"
) -> OwnSamples:
    """``n`` samples of a model.

    Args:
        model: with ``noise`` and ``generate``.
        n: samples.
        odds: images ``(m, c, h, w)`` -> the odds that they show what is to be forgotten, ``(m,)``.
        seed: of the noise.
        option: that says how many samples, for the message.

    Raises:
        UsageError: none of them shows it, or none is retained.
    """
    noise = model.noise(n, generator(seed))
    images = generated_from(model, noise)
    samples = OwnSamples(noise, images, torch.cat([odds(part) for part in images.split(CHUNK)]))
    if not (bool(samples.shows.any()) and len(samples.kept().images)):
        raise UsageError(
            "the model must generate samples with and without what is to be forgotten",
            found=f"{int(samples.shows.sum())} of {n} that the method's labeller says show it",
            way_out=f"Forget what the model generates, train it longer, or raise {option}",
        )
    return samples


@dataclass(frozen=True)
class OwnRedirect:
    """Sites of what is to be forgotten, redirected.

    Attributes:
        sites: latents with their targets.
        clean_fraction: share of the retained samples that could be a target.
        distance: mean square distance of target and sample, as a share of the retained samples' variance.
    """

    sites: Sites
    clean_fraction: float
    distance: float


def redirected_samples(samples: OwnSamples, most: int) -> OwnRedirect:
    """The redirect objective for at most ``most`` of the samples that show what is to be forgotten.

    Raises:
        UsageError: no retained sample is clean.
    """
    kept, gone = samples.kept(), samples.at(samples.shows).at(slice(most))
    looks = samples.images.flatten(1)
    near = nearest(kept.images.flatten(1), looks, min(NEIGHBOURS + 1, len(looks)))
    clean = samples.shows[near].sum(1) == 0
    if not bool(clean.any()):
        raise UsageError(
            "some retained samples must have no neighbour that shows what is to be forgotten",
            found=f"none of {len(clean):,} retained ones among {len(samples.images):,} samples",
            way_out="Train the model longer, or raise method.bank_images, the number of samples",
        )
    pool = kept.images[clean]
    targets = pool[nearest(gone.images.flatten(1), pool.flatten(1), 1)[:, 0]]
    distance = float(wide(targets - gone.images).square().mean()) / kept.variance()
    return OwnRedirect(Sites((gone.noise,), targets), float(clean.double().mean()), distance)
