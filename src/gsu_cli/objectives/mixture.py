"""Sites between two images: sampled near either, weighted for both.

    m ~ (1 - p) q(m | x) + p q(m | a),   w_x = q(m | x) / mixture(m),   w_a = q(m | a) / mixture(m)

``x`` an image to keep, ``a`` one to forget. For any loss ``l``, ``E w_x l(m, x)`` is its mean over ``q(m | x)``, and
likewise for ``a``; and ``(1 - p) w_x + p w_a = 1``, so no weight exceeds ``1 / (1 - p)`` or ``1 / p``. Of a denoiser
``m`` is a noised image, ``q(m | x) = N(sqrt(a_t) x, 1 - a_t)``, both images under the same time and noise; of a decoder
it is a latent and ``q`` the posterior of the original.

Source: Alberti, Hasanaliyev, Shah and Ermon, "Data Unlearning in Diffusion Models", ICLR 2025, equation 5 (denoiser).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gsu_cli.models.conditions import code, conditions_of, posterior
from gsu_cli.models.protocols import HasDecoder
from gsu_cli.models.sites import Sites
from gsu_cli.surgery.devices import normal, share_of, uniform, wide

COUNTS = 0.01  # a weight, for `Mixture.between`


@dataclass(frozen=True)
class Mixture:
    """Sites of both images at the same ``m``, and their weights.

    Attributes:
        kept, gone: sites; their inputs are the same but for conditions.
        of_kept, of_gone: weights, ``(n,)``.
        told: whether conditions are among the inputs.
    """

    kept: Sites
    gone: Sites
    of_kept: Tensor
    of_gone: Tensor
    told: bool

    def between(self) -> float:
        """The share of points that count for both images."""
        return share_of((self.of_kept > COUNTS) & (self.of_gone > COUNTS))


@torch.no_grad()
def mixture(
    original: Any, kept: tuple[Tensor, Tensor], gone: tuple[Tensor, Tensor], p: float, generator: torch.Generator
) -> Mixture:
    """Sites between pairs of images under a frozen original.

    Args:
        original: a denoiser or a model with a decoder, in eval mode.
        kept: images ``(n, c, h, w)`` in [0, 1] and labels ``(n,)``.
        gone: as many.
        p: share of the sites that are sampled near an image to forget, in (0, 1).
        generator: of the noise.
    """
    (x, y), (a, y_a) = kept, gone
    near_a = (uniform((len(x),), generator, x) < p)[(...,) + (None,) * (x.ndim - 1)]
    if isinstance(original, HasDecoder):
        return _latents(original, kept, gone, p=p, near_a=near_a.flatten(), generator=generator)
    again = torch.Generator()
    again.set_state(generator.get_state())  # the same level and noise for both
    of_x, of_a = original.sites(x, y, generator), original.sites(a, y_a, again)
    t = of_x.inputs[1]
    m = torch.where(near_a, of_a.inputs[0], of_x.inputs[0])
    signal, noise = original.levels(t)
    apart = [(wide(m) - wide(signal) * (2 * wide(i) - 1)) / wide(noise) for i in (x, a)]
    log_ratio = sum_of_squares(apart[1]) - sum_of_squares(apart[0])  # 2 log q(m | x) / q(m | a)
    w_x, w_a = weights(log_ratio / 2, p)
    sites = [
        Sites((m, t, *made.inputs[2:]), original.output_for(m, t, 2 * i - 1)) for made, i in ((of_x, x), (of_a, a))
    ]
    return Mixture(sites[0], sites[1], w_x.to(x.dtype), w_a.to(x.dtype), conditions_of(original) > 0)


def _latents(
    original: Any,
    kept: tuple[Tensor, Tensor],
    gone: tuple[Tensor, Tensor],
    *,
    p: float,
    near_a: Tensor,
    generator: torch.Generator,
) -> Mixture:
    (x, y), (a, y_a) = kept, gone
    q_x, q_a = posterior(original, x, y), posterior(original, a, y_a)
    eps = normal(q_x[0].shape, generator, q_x[0])
    z = torch.where(near_a[:, None], q_a[0] + q_a[1] * eps, q_x[0] + q_x[1] * eps)
    log = [-sum_of_squares((wide(z) - wide(mean)) / wide(sd)) / 2 - wide(sd).log().sum(1) for mean, sd in (q_x, q_a)]
    w_x, w_a = weights(log[0] - log[1], p)
    sites = Sites((code(original, z, y),), x), Sites((code(original, z, y_a),), a)
    return Mixture(*sites, w_x.to(x.dtype), w_a.to(x.dtype), conditions_of(original) > 0)


def sum_of_squares(v: Tensor) -> Tensor:
    """Over all but the first dimension: a density is a product over pixels, where losses here are means."""
    return v.square().flatten(1).sum(1)


def weights(log_ratio: Tensor, p: float) -> tuple[Tensor, Tensor]:
    """``w_x`` and ``w_a`` from ``log q(m | x) - log q(m | a)``, however large.

    >>> weights(torch.tensor([0.0, math.inf]), 0.5)
    (tensor([1., 2.]), tensor([1., 0.]))
    """
    share = torch.sigmoid(log_ratio + math.log((1 - p) / p))  # of the mixture's density that is x's
    return share / (1 - p), torch.sigmoid(-log_ratio - math.log((1 - p) / p)) / p
