"""Expected: at the latents of what is to be forgotten, what a decoder of the retained data alone would generate.

    t_i = x(theta_0, z_i) + c (E_retained[x | z_i] - E_all[x | z_i]),   z_i ~ q(z | x_i), x_i to be forgotten,
    E[x | z] = sum_j p_j x_j,   p_j ~ q(z | x_j) over training images, ``x_i`` itself left out.

The decoder that minimises the retain loss under the encoder at hand generates ``E_retained[x | z]``. A network blurs
these means, so its own word is kept and corrected by the difference alone, as of a diffusion model
(`objectives.denoise`). One linearised step comes short of it, so ``c`` is 1.5.

It needs retained images at these latents. Of many latents there are none: the nearest one is a far one, and its image
is no expectation. `retained_there` tells how many there are, and how much of the density is theirs.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import BLOCK
from gsu_cli.models import conditions
from gsu_cli.models.conditions import code
from gsu_cli.models.model import decode
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.denoise import weights_of
from gsu_cli.objectives.posteriors import posterior, posterior_latents
from gsu_cli.objectives.redirect import Redirect, check_latents
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.ranks import joined

BEYOND = 1.5  # ``c``
ASKED = 300  # forgotten latents that tell how many retained images are there
POINT = 1e-6  # standard deviation of a posterior that is a point
PART = 2_000  # images at a time, of which a mean is taken
FAINT = 80.0  # nats below the likeliest: too little for the last bit of a sum, and not yet a slow subnormal number

Posterior = tuple[Tensor, Tensor]
"""Means and standard deviations, each ``(n, z)``."""


@torch.no_grad()
def retained_there(
    model: Any, forget: Images, retain: Images, *, log_odds: float, seed: int, besides: int = 0
) -> dict[str, float]:
    """What lies at the latents of what is to be forgotten; medians over `ASKED` of them.

    Args:
        model: with ``posterior`` (see `models.protocols.HasDecoder`).
        forget, retain: training images.
        log_odds: natural logarithm of the odds of forgotten against retained images in training over those here.
        seed: of the latents' noise.
        besides: how many of the first retained images are not asked of: they will be in no mean.

    Returns:
        ``images``: how many retained ones are there, effectively, ``1 / sum_j p_j^2``. ``share``: of the density that
        training images have there, that of the retained ones.
    """
    z, of_f = _latents(model, forget, seed)
    mean, sd = posterior(model, retain)  # of all: those of other targets are found at once
    kept, gone = _log_q(z[:ASKED], of_f, (mean[besides:], sd[besides:]))
    p, odds = kept.softmax(1), _log_odds(kept, gone, log_odds)
    return {"images": float((1 / p.square().sum(1)).median()), "share": float(torch.sigmoid(-odds).median())}


@torch.no_grad()
def expected(model: Any, forget: Images, retain: Images, *, log_odds: float, seed: int) -> Redirect:
    """Builds the objective at the model's present weights.

    Args:
        model: with ``posterior``, ``decoder``, ``likelihood`` (see `models.protocols.HasDecoder`).
        forget: images to forget.
        retain: images of which what is expected is a mean.
        log_odds: natural logarithm of the odds of forgotten against retained images in training over those here.
        seed: of the latents' noise.

    Raises:
        UsageError: the model has no latents to redirect, or one image alone is to be forgotten.
    """
    check_latents(model)
    if len(forget) < 2:
        raise UsageError(
            "`method.target=expected` needs other images to forget beside each, whose mean is corrected",
            found="one image",
            way_out="Type method.target=nearest",
        )
    z, of_f = _latents(model, forget, seed)
    kept, gone = _log_q(z, of_f, posterior(model, retain))
    share = torch.sigmoid(_log_odds(kept, gone, log_odds))
    # E_all is the mean of E_retained and E_forget by their shares
    apart = _mean(kept, retain) - _mean(gone, forget)
    correction = BEYOND * (share.to(apart)[:, None] * apart).view(len(z), *retain.pixels.shape[1:])
    codes = code(model, z, forget.labels)
    parts = zip(codes.split(BLOCK), correction.split(BLOCK), strict=True)
    targets = joined(parts, lambda part: (decode(model, part[0]) + part[1]).clamp(0, 1))
    theirs = zip(targets.split(BLOCK), forget.labels.split(BLOCK), strict=True)
    target_latents = joined(theirs, lambda part: code(model, conditions.posterior(model, *part)[0], part[1]))
    return Redirect(Sites((codes,), targets), target_latents, 1.0, None, kind="expected")


def _latents(model: Any, forget: Images, seed: int) -> tuple[Tensor, Posterior]:
    """A latent of each image to forget, the same as of `redirect.latents`, and their posteriors."""
    mean, sd = posterior(model, forget)
    return posterior_latents(mean, sd, 1, seed=seed), (mean, sd)


def _log_q(z: Tensor, of_f: Posterior, of_r: Posterior) -> tuple[Tensor, Tensor]:
    """``log q(z | x_j)`` up to a constant of each row, of retained and of forgotten images, ``(n, m)`` and ``(n, k)``.

    The i-th latent is of the i-th forgotten image, whose own entry is left out: -inf.
    """
    kept, gone = (_density(z, *of) for of in (of_r, of_f))
    gone.fill_diagonal_(-math.inf)  # nothing is as near to it
    top = torch.maximum(kept.amax(1, keepdim=True), gone.amax(1, keepdim=True))
    return (kept - top).to(z), (gone - top).to(z)


def _density(z: Tensor, mean: Tensor, sd: Tensor) -> Tensor:
    """In float64, where a device has it: squares far from the origin round away what tells two posteriors apart."""
    mean, sd = wide(mean), wide(sd).clamp_min(POINT)
    precision = 1 / sd.square()
    own = (mean.square() * precision).sum(1) / 2 + sd.log().sum(1)
    rows = wide(z)
    return rows @ (mean * precision).T - rows.square() @ precision.T / 2 - own


def _log_odds(kept: Tensor, gone: Tensor, log_odds: float) -> Tensor:
    """Of forgotten against retained images at each latent, ``(n,)``."""
    g, k = (part.clamp_min(part.amax(1, keepdim=True) - FAINT).logsumexp(1) for part in (gone, kept))
    return g - k + log_odds


def _mean(log_p: Tensor, images: Images) -> Tensor:
    """Of images by weights in proportion to ``exp(log_p)`` ``(n, m)``: ``(n, d)``. Part by part they pass as floats."""
    parts = zip(weights_of(log_p).split(PART, 1), images.batches(PART), strict=True)
    return torch.stack([share @ x.flatten(1) for share, (x, _) in parts]).sum(0)
