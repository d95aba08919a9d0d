"""Expected: at the latents of what is to be forgotten, what a decoder of the retained data alone would generate.

    t_i = x(theta_0, z_i) + c (E_retained[x | z_i] - E_all[x | z_i]),   z_i ~ q(z | x_i), x_i to be forgotten,
    E[x | z] = sum_j p_j x_j,   p_j ~ q(z | x_j) over training images, ``x_i`` itself left out.

The decoder that minimises the retain loss under the encoder at hand generates ``E_retained[x | z]``. A network blurs
these means, so its own word is kept and corrected by the difference alone, as of a diffusion model
(`objectives.denoise`). One linearised step comes short of it, so ``c`` is 1.5.

It needs retained images at these latents. Of many latents there are none: the nearest one is a far one, and its image
is no expectation. `retained_there` tells how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.gradients import BLOCK
from gsu_cli.models import conditions
from gsu_cli.models.conditions import code
from gsu_cli.models.model import decode
from gsu_cli.objectives.denoise import weights_of
from gsu_cli.objectives.posteriors import posterior, posterior_latents
from gsu_cli.objectives.redirect import Redirect, check_latents
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.ranks import joined

BEYOND = 1.5  # ``c``
ASKED = 300  # forgotten latents that tell how many retained images are there
ROWS = 256  # latents at a time
PART = 2_000  # images at a time, of which a mean is taken


@torch.no_grad()
def retained_there(model: Any, forget: Images, retain: Images, *, seed: int) -> float:
    """How many retained images, effectively, lie where forgotten ones do: the median of ``1 / sum_j p_j^2``.

    Args:
        model: with ``posterior`` (see `models.protocols.HasDecoder`).
        forget, retain: training images; `ASKED` of the first are asked.
        seed: of the latents' noise.
    """
    z, _ = _drawn(model, forget, seed)
    p = torch.cat([log_q.softmax(1) for log_q in _log_q(z[:ASKED], *posterior(model, retain))])
    return float((1 / p.square().sum(1)).median())


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
        UsageError: the model has no latents to redirect.
    """
    check_latents(model)
    z, of_f = _drawn(model, forget, seed)
    of_r = posterior(model, retain)
    share, log_r, log_f = [], [], []
    for start, kept, gone in zip(range(0, len(z), ROWS), _log_q(z, *of_r), _log_q(z, *of_f), strict=True):
        rows = torch.arange(len(gone), device=z.device)
        gone[rows, start + rows] = -math.inf  # nearest to its own latent is an image itself
        odds = gone.logsumexp(1) - kept.logsumexp(1) + log_odds
        share.append(torch.sigmoid(odds))
        log_r.append((kept - kept.amax(1, keepdim=True)).float())
        log_f.append((gone - gone.amax(1, keepdim=True)).float())
    # E_all is the mean of E_retained and E_forget by their shares
    apart = _mean(torch.cat(log_r), retain) - (_mean(torch.cat(log_f), forget) if len(forget) > 1 else 0.0)
    correction = BEYOND * (torch.cat(share).to(apart)[:, None] * apart).view(len(z), *retain.pixels.shape[1:])
    codes = code(model, z, forget.labels)
    parts = zip(codes.split(BLOCK), correction.split(BLOCK), strict=True)
    targets = joined(parts, lambda part: (decode(model, part[0]) + part[1]).clamp(0, 1))
    theirs = zip(targets.split(BLOCK), forget.labels.split(BLOCK), strict=True)
    target_latents = joined(theirs, lambda part: code(model, conditions.posterior(model, *part)[0], part[1]))
    return Redirect(codes, targets, target_latents, 1.0, None, kind="expected")


def _drawn(model: Any, forget: Images, seed: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """A latent of each image to forget, as `redirect.latents` draws it, and their posteriors."""
    mean, sd = posterior(model, forget)
    return posterior_latents(mean, sd, 1, seed=seed), (mean, sd)


def _log_q(z: Tensor, mean: Tensor, sd: Tensor) -> Iterator[Tensor]:
    """``log q(z | x_j)`` up to a constant, in parts of `ROWS` latents: ``(n, m)`` float64 where the device has it."""
    mean, precision = wide(mean), 1 / wide(sd).square()
    own = (mean.square() * precision).sum(1) / 2 + wide(sd).log().sum(1)
    for part in z.split(ROWS):
        rows = wide(part)
        yield rows @ (mean * precision).T - rows.square() @ precision.T / 2 - own


def _mean(log_p: Tensor, images: Images) -> Tensor:
    """Of images by weights ``exp(log_p)`` ``(n, m)`` that sum to 1: ``(n, d)``. Part by part they pass as floats."""
    p = weights_of(log_p)
    parts = zip(p.split(PART, 1), images.batches(PART), strict=True)
    return torch.stack([share @ x.flatten(1) for share, (x, _) in parts]).sum(0)
