"""What an image's loss owes to its having been trained on, without training again: its leverage.

Weights that minimise ``sum_j L_j`` and those that minimise the same sum without image ``i`` differ, to first order, by
``(n H - H_i)^-1 g_i``, with ``g_i`` and ``H_i`` the gradient and the Hessian of ``L_i``, and ``H`` the mean Hessian. So
leaving the image out of training would raise its own loss by

    L_i(theta_-i) - L_i(theta) ~ g_i^T (n H - H_i)^-1 g_i ~ 1/n g_i^T (F + lambda)^-1 g_i.

The last step takes the Fisher for ``H``, drops ``H_i``, one term of ``n``, and damps what a finite training does not
reach: weights are not at a minimum along directions of little curvature. In linear regression ``1/n x^T F^-1 x`` is the
leverage of statistics. Source of the first order: Koh and Liang, arXiv 1703.04730, equation 2, of an image on itself.
``docs/design/021-sample-bound.md`` compares it with training without the image, and tells how ``lambda`` was chosen.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.gradients import parameters
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.solvers.unseen import UnseenLevel
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import dot

DAMPING = 3.0  # in mean eigenvalues of each layer; chosen on development images, see the design note
LATENTS = 32  # of each image: training met another at each epoch
SITES = 512  # on which the loss of the forgotten images is measured, where they are few
IMAGES = 64  # whose leverage is taken, at most: of many forgotten images the mean is wanted


def leverages(
    model: Any, images: Images, fisher: KroneckerFisher, *, trained_on: int, seed: int, damping: float = DAMPING
) -> Tensor:
    """By how much the loss of each image would rise, had it not been trained on: nats, ``(n,)`` float64, >= 0.

    Args:
        model: with ``posterior``, ``decoder`` and ``likelihood``, trained on the images.
        images: whose.
        fisher: of the training images, of the weights that generation depends on; the encoder's part is left out.
        trained_on: how many images the model was trained on.
        seed: of the latents.
        damping: ``lambda``, in mean eigenvalues of each layer.
    """
    theta = parameters(model, fisher.names())
    P = fisher.inverse(damping, damping_scope="layer")
    found = []
    for k in range(len(images)):
        loss = frozen_elbo(model, images[torch.tensor([k])], seed=seed + k, latents=LATENTS)
        g = accumulate_gradient(loss.blocks(), theta).vector
        found.append(dot(g, P.apply(g)) / trained_on)
    return torch.tensor(found, dtype=torch.float64)


def sample_level(
    model: Any, images: Images, fisher: KroneckerFisher, *, trained_on: int, seed: int, copies: int = 1
) -> UnseenLevel:
    """That of ``images``, by the mean leverage of at most `IMAGES` of them, each there ``copies`` times.

    To first order, leaving so many out of training changes so many times as much.
    """
    some = images[torch.arange(min(len(images), IMAGES))]
    expected = copies * float(leverages(model, some, fisher, trained_on=trained_on, seed=seed).mean())
    loss = frozen_elbo(model, images, seed=seed, latents=max(SITES // len(images), 1), what="the forget loss")
    start = loss.mean(parameters(model, fisher.names()))
    return UnseenLevel("leverage", loss, start, expected, True, notes={"images": len(images), "damping": DAMPING})
