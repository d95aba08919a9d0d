"""A bound on -log P(image) of a denoiser, in nats: the variational bound of its ancestral sampling.

With ``SNR(t) = a_t^2 / s_t^2`` and ``x^`` the image that the network implies at ``x_t``,

    -log P(x) <= KL(q(x_T | x) || N(0, I))
               + sum_{t >= 1} (SNR(t - 1) - SNR(t)) / 2 * E |x - x^(x_t, t)|^2
               + E[-log P(x | x_0)],

where the last term is the mass that N(x^(x_0, 0), s_0^2 / a_0^2) gives to the grey levels of ``x``. Any noising process
with these ``a`` and ``s`` has this bound, that of flow matching, too. It is exact where the network is, the levels are
dense, and the first lies below the noise of the data; of a pixel that cannot be foretold from its noised self each step
costs ``(r - 1 - log r) / 2`` too much, ``r`` the ratio of two SNRs.

The sum over ``t`` is sampled. The best guess of a pixel of variance 1 errs by ``1 / (1 + SNR(t))`` at most, so a time's
share of the sum is about ``(SNR(t - 1) - SNR(t)) / (1 + SNR(t))``: times are taken with that probability and weighed by
its inverse. Without the 1 the last step of a schedule that ends in pure noise would take nearly all looks. The times of
one image lie in equal parts of that distribution, and those of all images cover each part evenly (low discrepancy), so
few are enough.

Sources: Ho, Jain and Abbeel, NeurIPS 2020, equations 5, 8 and 13; Kingma, Salimans, Poole and Ho, "Variational
Diffusion Models", NeurIPS 2021, section 3 and appendix I.1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.evaluation.grey_levels import log_gaussian
from gsu_cli.models.conditions import NULL, network_inputs
from gsu_cli.models.diffusion.schedule import spread_places
from gsu_cli.surgery.devices import normal, wide


def proposal(model: Any) -> tuple[Tensor, Tensor]:
    """Weights ``(SNR(t - 1) - SNR(t)) / 2`` of times 1 ... T - 1, and the probability with which each is taken."""
    a, s = (level.detach().cpu().double() for level in (model.signal, model.noisiness))
    snr = (a / s).square()
    weight = (snr[:-1] - snr[1:]) / 2
    share = weight / (1 + snr[1:])
    return weight, share / share.sum()


@torch.no_grad()
def denoiser_bound(
    model: Any, x: Tensor, generator: torch.Generator, *, times: int, clip: float | None = 1.0
) -> Tensor:
    """The bound of each image, ``(n,)`` float64 nats; a conditional model is asked at the null condition.

    Args:
        model: with noise levels, in eval mode.
        x: ``(n, c, h, w)`` in [0, 1], multiples of 1 / 255, on the model's device.
        generator: of times and noise.
        times: at which each image is looked at.
        clip: the range of implied images, as in sampling; None where images are unbounded.
    """
    n, (weight, share) = len(x), proposal(model)
    a, s = float(model.signal[-1]), float(model.noisiness[-1])
    image = 2 * wide(x) - 1
    kl = 0.5 * (a**2 * image.square() + s**2 - 1 - 2 * torch.tensor(s).double().log().item())
    total = kl.flatten(1).sum(1)
    ends = share.cumsum(0)
    place = spread_places(n, generator)
    for k in range(times):
        at = torch.searchsorted(ends, (k + place) / times).clamp(max=len(share) - 1)
        implied = _implied(model, x, (at + 1).to(x.device), normal(x.shape, generator, x), clip)
        error = (image - wide(implied)).square().flatten(1).sum(1)
        total += (weight[at] / share[at]).to(error.device) * error / times
    first = _implied(model, x, torch.zeros(n, dtype=torch.int64, device=x.device), normal(x.shape, generator, x), clip)
    sigma = float(model.noisiness[0] / model.signal[0]) / 2  # in units of [0, 1]
    return total - log_gaussian(wide(x), (wide(first) + 1) / 2, sigma).flatten(1).sum(1)


def _implied(model: Any, x: Tensor, t: Tensor, eps: Tensor, clip: float | None) -> Tensor:
    x_t = model.noised(x, t, eps)
    y = torch.full((len(x),), NULL)
    found: Tensor = model.denoised(x_t, t, model.network(*network_inputs(model, x_t, t, y)))
    return found if clip is None else found.clamp(-clip, clip)
