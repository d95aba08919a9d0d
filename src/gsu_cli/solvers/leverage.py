"""What the loss of images owes to their having been trained on, without training again.

Weights that minimise the loss of all ``n`` images and those that minimise it without the ``m`` of a set ``S`` differ,
to first order, by ``delta``, with ``g`` the mean gradient of ``S`` and ``H`` the mean Hessian of the others:

    delta = m / (n - m) H^-1 g ~ m / (n - m) (F + lambda)^-1 g        rise = L_S(theta + delta) - L_S(theta)

The Fisher stands for ``H``, damped by what a finite training does not reach: weights are not at a minimum along
directions of little curvature. The loss is taken where these weights are, not along its slope: of what is known by
heart the slope is nearly nothing, and the rise is not. In linear regression that is exact: the residual of an image
with leverage ``h`` grows by ``1 / (1 - h)``. Of an image of low leverage the rise is ``g^T H^-1 g / n``.
Source of the weights: Koh and Liang, arXiv 1703.04730, equation 1, of several images at once.
``docs/design/021-sample-bound.md`` compares it with training without the images, and tells how ``lambda`` was chosen.

The loss of a diffusion model is a mean over levels of noise, of which each image has a few: ``g`` from some of them and
the rise from others, or the noise of the one would be taken for what the other owes to training.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.gradients import parameters
from gsu_cli.models.protocols import HasNoiseLevels
from gsu_cli.objectives.denoise import noised_sites
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.run.seeds import derive
from gsu_cli.solvers.unseen import UnseenLevel
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import dot
from gsu_cli.unlearning.cost import Cost

DAMPING = 3.0  # in mean eigenvalues of each layer; chosen on development images, see the design note
LATENTS = 32  # of each image: training met another at each epoch
LEVELS = 512  # of noise, in all images together, of a diffusion model
SITES = 512  # on which the loss of the forgotten images is measured, where they are few
IMAGES = 256  # that are taken to be left out, at most: a mean over some of many would count each of them too often
AT_ONCE = 64  # whose latents are in memory


def expected_rise(
    model: Any,
    images: Images,
    fisher: KroneckerFisher,
    *,
    trained_on: int,
    seed: int,
    copies: int = 1,
    damping: float = DAMPING,
) -> float:
    """By how much the mean loss of images would rise, had none of them been trained on: in its unit, >= 0.

    Args:
        model: a decoder with ``posterior`` and ``likelihood``, or one with noise levels, trained on the images.
        images: all different; each was there ``copies`` times.
        fisher: of the other training images, of the weights that generation depends on; the encoder's part is left out.
        trained_on: how many images the model was trained on.
        seed: of the latents.
        copies: of each image.
        damping: ``lambda``, in mean eigenvalues of each layer.

    Raises:
        NonFiniteError: the loss at the weights without them is infinite.
    """
    theta = parameters(model, fisher.names())
    gone = copies * len(images)
    weight = gone / max(trained_on - gone, 1)

    noised = isinstance(model, HasNoiseLevels)
    each = looks_at(model, len(images))

    def parts(at: int) -> Iterator[tuple[float, SiteLoss]]:
        what = "the loss expected without the images"
        for index in torch.arange(len(images)).split(AT_ONCE):
            yield (
                len(index) / len(images),
                image_loss(model, images[index], seed=at + int(index[0]), each=each, what=what),
            )

    g = {name: torch.zeros_like(value) for name, value in theta.items()}
    for share, loss in parts(seed):
        slope = accumulate_gradient(loss.blocks(), theta).vector
        g = {name: g[name] + share * slope[name] for name in theta}
    delta = fisher.inverse(damping, damping_scope="layer").apply(g)
    without = {name: theta[name] + weight * delta[name] for name in theta}
    measured = parts(derive(seed, "rise") if noised else seed)
    rise = sum(share * (loss.mean(without) - loss.mean(theta)) for share, loss in measured)
    # a network may bend down, which no loss of its output does; a slope at its own noise is too steep
    return max(rise, 0.0 if noised else weight * dot(g, delta))


def looks_at(model: Any, images: int) -> int:
    """At how many latents or levels of noise each of so many images is looked at."""
    return max(LEVELS // images, 1) if isinstance(model, HasNoiseLevels) else LATENTS


def image_loss(model: Any, images: Images, *, seed: int, each: int, what: str) -> SiteLoss:
    """The training loss of ``images`` as a function of the weights, each at so many latents, or levels of noise."""
    if not isinstance(model, HasNoiseLevels):
        return frozen_elbo(model, images, seed=seed, latents=each, what=what)
    several = images[torch.arange(each * len(images)) % len(images)]
    return SiteLoss(model, noised_sites(model, several, seed=seed), what)


def leverages(
    model: Any, images: Images, fisher: KroneckerFisher, *, trained_on: int, seed: int, damping: float = DAMPING
) -> Tensor:
    """The same of each image, left out alone, ``(n,)`` float64."""
    found = [
        expected_rise(model, images[torch.tensor([k])], fisher, trained_on=trained_on, seed=seed + k, damping=damping)
        for k in range(len(images))
    ]
    return torch.tensor(found, dtype=torch.float64)


def sample_level(
    model: Any, images: Images, fisher: KroneckerFisher, *, trained_on: int, seed: int, copies: int = 1
) -> UnseenLevel:
    """That of ``images``, each there ``copies`` times, by what is expected of `IMAGES` of them, at most."""
    different = images[_first_of_each(images)] if copies > 1 else images
    some = different[torch.arange(min(len(different), IMAGES))]
    expected = expected_rise(model, some, fisher, trained_on=trained_on, seed=seed, copies=copies)
    loss = image_loss(model, images, seed=seed, each=max(SITES // len(images), 1), what="the forget loss")
    start = loss.mean(parameters(model, fisher.names()))
    looks = len(some) * looks_at(model, len(some))  # its slope, and what it rises by
    cost = Cost(gradients=looks, forward=2 * looks + len(loss))
    return UnseenLevel("leverage", loss, start, expected, True, cost, {"images": len(images), "damping": DAMPING})


def _first_of_each(images: Images) -> Tensor:
    """Indices of images that equal none before them, ``(k,)`` int64, ascending."""
    places: dict[bytes, int] = {}
    for k, pixels in enumerate(images.pixels.cpu()):
        places.setdefault(pixels.numpy().tobytes(), k)
    return torch.tensor(list(places.values()))
