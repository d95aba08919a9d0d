"""Translate: generate, at the latents of what is to be forgotten, the same thing without the attribute.

    L(theta) = mean_i nll(decoder_theta(z_i), t_i),   z_i ~ q(z | x_i), x_i to be forgotten,
    t_i = E[x | decoder_0(z_i - (a(z_i) + beyond) delta)],   a(z) = w.(z - m_r) / w.delta,   delta = m_f - m_r,

``m_f`` and ``m_r`` the mean posterior means of forget and retain data, ``w = S^-1 delta`` Fisher's discriminant with
the pooled covariance ``S`` of posterior means. ``a`` is 1 at the mean of the forget set and 0 at that of the retain
set: every latent is moved along ``delta`` to where the discriminant says "as retained", and nothing else of it moves.
An attribute is a part of a face: the nearest retained latent would be another face.

After Moon, Cho and Kim 2024 (arXiv 2303.05699), who translate along the mean difference of latents that a classifier
has labelled; here data label them, no classifier is asked, and the amount is the discriminant's, which correlated
directions do not disturb.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import BLOCK
from gsu_cli.models.model import decode
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.redirect import Redirect, entropy, latents
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.pooled import pooled_covariance
from gsu_cli.surgery.ranks import joined

RIDGE = 1e-3  # of the mean variance, added to S: latents that the encoder ignores have next to none
TINY = 1e-12


@torch.no_grad()
def translate(model: Any, forget: Images, retain: Images, *, seed: int, beyond: float = 0.0) -> Redirect:
    """Builds the objective at the model's present weights.

    Args:
        model: with ``posterior``, ``decoder``, ``likelihood`` (see `models.protocols.HasDecoder`).
        forget: images to forget.
        retain: images that do not have it.
        seed: of the latents' noise.
        beyond: how far past the retain mean, in differences of the two means.

    Raises:
        UsageError: the model has no latents, or the two sets have one mean.
    """
    z, mean_f, mean_r = latents(model, forget, retain, seed)
    moved = translated(z, mean_f, mean_r, beyond=beyond)
    targets = joined(moved.split(BLOCK), lambda part: decode(model, part))
    return Redirect(Sites((z,), targets), moved, 1.0, entropy(model, moved, targets), kind="translate")


def translated(z: Tensor, mean_f: Tensor, mean_r: Tensor, *, beyond: float = 0.0) -> Tensor:
    """Latents ``(n, z)`` moved along the mean difference until the discriminant's ``a`` is ``-beyond``.

    Args:
        z: latents to move.
        mean_f, mean_r: posterior means of forget and retain data, ``(n_f, z)`` and ``(n_r, z)``.
        beyond: see `translate`.

    Raises:
        UsageError: the two sets have one mean.
    """
    f, r = wide(mean_f), wide(mean_r)
    delta = f.mean(0) - r.mean(0)
    # one image of each has no spread, and the difference of the means is then the discriminant
    w = torch.linalg.solve(pooled_covariance(f, r, RIDGE), delta)
    scale = w @ delta
    if not scale > 0:
        raise UsageError("what is to be forgotten must differ from the rest in the latents", found="equal means")
    a = (wide(z) - r.mean(0)) @ w / scale
    moved: Tensor = wide(z) - (a + beyond)[:, None] * delta
    return moved.to(z)
