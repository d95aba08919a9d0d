"""A model's own samples, and the redirect objective among them: for a GAN, which has no loss of an image.

    L(theta) = mean_i |G_theta(z_i) - t_i|^2 / d,   z_i a latent at which the original makes what is to be forgotten,

``t_i`` the clean retained sample of the original that is nearest to ``G_0(z_i)`` in pixels. A labeller that training
images have taught says what a sample shows; no judge is involved. A retained sample is *clean* when none of its nearest
samples shows what is to be forgotten: without that, the targets of a 1 are the most 1-like of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.nearest import nearest
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.devices import wide

CHUNK = 500  # samples a pass
NEIGHBOURS = 10


@dataclass(frozen=True)
class OwnSamples:
    """Samples with their noise.

    Attributes:
        noise: ``(n, ...)``.
        images: ``(n, c, h, w)`` in [0, 1].
        shows: which of them show what is to be forgotten, ``(n,)`` bool.
    """

    noise: Tensor
    images: Tensor
    shows: Tensor

    def at(self, index: Tensor | slice) -> OwnSamples:
        return OwnSamples(self.noise[index], self.images[index], self.shows[index])

    def kept(self) -> OwnSamples:
        """Those without what is to be forgotten."""
        return self.at(~self.shows)

    def variance(self) -> float:
        """Mean over pixels of the variance of the samples.

        Raises:
            UsageError: they are all the same.
        """
        found = float(wide(self.images - self.images.mean(0)).square().mean())
        if not found > 0:
            raise UsageError("retained samples must differ from each other", found="one image for all noise")
        return found

    def sites(self, extra: float = 0.0) -> Sites:
        """Noise and what is generated there; ``extra`` is added to each loss."""
        constant = self.images.new_full((len(self.images),), extra) if extra else None
        return Sites((self.noise,), self.images, constant)


@torch.no_grad()
def generated_from(model: Any, noise: Tensor) -> Tensor:
    """What a model generates from ``noise``, ``(n, c, h, w)`` in [0, 1]."""
    return torch.cat([model.generate(part) for part in noise.split(CHUNK)])


@torch.no_grad()
def own_samples(model: Any, n: int, shows: Callable[[Tensor], Tensor], *, seed: int) -> OwnSamples:
    """``n`` samples of a model.

    Args:
        model: with ``noise`` and ``generate``.
        n: samples.
        shows: images ``(m, c, h, w)`` -> which show what is to be forgotten.
        seed: of the noise.

    Raises:
        UsageError: all or none of them show it.
    """
    noise = model.noise(n, generator(seed))
    images = generated_from(model, noise)
    found = torch.cat([shows(part) for part in images.split(CHUNK)])
    if int(found.sum()) in (0, n):
        raise UsageError(
            "the model must generate samples with and without what is to be forgotten",
            found=f"{int(found.sum())} of {n} that the method's labeller says show it",
            way_out="Forget what the model generates, or raise the number of samples",
        )
    return OwnSamples(noise, images, found)


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
            found=f"none of {len(clean)}",
            way_out="Raise method.bank_images, the number of samples",
        )
    pool = kept.images[clean]
    targets = pool[nearest(gone.images.flatten(1), pool.flatten(1), 1)[:, 0]]
    distance = float(wide(targets - gone.images).square().mean()) / kept.variance()
    return OwnRedirect(Sites((gone.noise,), targets), float(clean.double().mean()), distance)
