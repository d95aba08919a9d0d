"""Sites of a denoiser: noised images, what the network should say there, and what it should say instead.

    L(theta) = mean_i |f_theta(x_i, t_i) - v_i|^2 / d,   x_i an image noised to the level t_i, d its pixels.

Of retained images ``v_i`` is the truth, and L the training loss at fixed times and noise: what a budget is measured on.

Redirect: of images to be forgotten ``v_i`` is what a model that knows the retained data alone would say. Over a bank of
training images ``m_j`` the posterior given ``x_t`` is known, ``p_j ~ exp(-|x_t - sqrt(a) m_j|^2 / 2 (1 - a))``, and
with it the mean image ``E[x_0 | x_t]`` over the whole bank and over its retained part. A bank blurs what a network
sharpens, so the network's own word is kept and only corrected by the difference,

    x_0* = x_0(theta_0) + E_retained[x_0 | x_t] - E_all[x_0 | x_t].

A conditional model says its word at the null condition: one that never met a condition takes it for that. No judge is
asked. Only levels from a share of ``T`` on enter: where noise is low the image is there already, and at
high noise it is decided which one it will be. Where few images are forgotten, the bank holds all of them (64 at
most), and the posterior weighs them as training met them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.gradients import BLOCK, block_generator
from gsu_cli.models.protocols import HasNoiseLevels
from gsu_cli.models.sites import Sites

FEW = 64  # forgotten images in a bank below which it does not hold them in their natural proportion
BEYOND = 1.2  # how far outside of [-1, 1] a corrected image may lie


@torch.no_grad()
def noised_sites(model: HasNoiseLevels, images: Images, *, seed: int, start: int = 0) -> Sites:
    """Images at stratified times from ``start`` on, with the true targets.

    With ``start=0`` the loss of the sites is, image by image, that of `gsu_cli.gradients.image_losses` for ``seed``.
    """
    blocks = enumerate(images.batches(BLOCK))
    return Sites.joined([model.sites(x, y, block_generator(seed, b), start) for b, (x, y) in blocks])


@dataclass(frozen=True)
class Redirection:
    """Sites of what is to be forgotten, redirected.

    Attributes:
        sites: the noised images with the targets.
        forgotten: mean posterior share of what is to be forgotten at these sites, over the bank: how much there is to
            redirect.
        clamped: share of the pixels of the corrected images that lay outside of the allowed range.
    """

    sites: Sites
    forgotten: float
    clamped: float


@dataclass(frozen=True)
class Bank:
    """Training images among which targets are means.

    Attributes:
        images: of both parts.
        retained: which of them are to be retained, ``(m,)`` bool.
        log_odds: natural logarithm of the odds of what is to be forgotten in training over those in the bank; 0 where
            the bank has the natural proportion.
    """

    images: Images
    retained: Tensor
    log_odds: float = 0.0

    @classmethod
    def of(cls, split: Split, most: int, *, seed: int) -> Bank:
        """Random training images of both parts; where they would hold few forgotten ones, `FEW` or all of these."""
        n = len(split.dataset.train)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed % 2**63))
        retained = torch.zeros(n, dtype=torch.bool)
        retained[split.retain] = True
        known = retained.clone()
        known[split.forget] = True
        found = order[:most][known[order[:most]]]
        gone = order[known[order] & ~retained[order]]
        wanted = min(FEW, len(gone), most // 2)
        if int((~retained[found]).sum()) >= wanted:
            return cls(split.dataset.train[found], retained[found])
        kept = order[retained[order]]
        n_gone, n_kept = wanted, min(most - wanted, len(kept))
        found = torch.cat([kept[:n_kept], gone[:n_gone]])
        odds = (len(gone) / len(kept)) / (n_gone / n_kept) if n_kept else 1.0
        return cls(split.dataset.train[found], retained[found], math.log(odds))


@torch.no_grad()
def redirected(model: HasNoiseLevels, forget: Images, bank: Bank, *, seed: int, start: int) -> Redirection:
    """The redirect objective for a denoiser.

    Args:
        model: the original.
        forget: what is to be forgotten.
        bank: training images of both parts.
        seed: of times and noise.
        start: the first time that enters.

    Raises:
        UsageError: the bank holds images of one part only.
    """
    if not 0 < int(bank.retained.sum()) < len(bank.images):
        raise UsageError(
            "the bank must hold images to forget and images to retain",
            found=f"{int(bank.retained.sum())} retained of {len(bank.images)}",
            way_out="Raise method.bank_images",
        )
    raw = noised_sites(model, forget, seed=seed, start=start)
    m = 2 * bank.images.floats().to(raw.targets.device).flatten(1) - 1
    kept, gone = (part.nonzero()[:, 0].to(m.device) for part in (bank.retained, ~bank.retained))
    bank_kept, bank_gone = m[kept], m[gone]
    targets, forgotten, clamped = [], 0.0, 0.0
    for part in raw.split(BLOCK):
        x, t = part.inputs[:2]
        log_p = bank_posterior(model, x, t, m)
        log_kept, log_gone = log_p[:, kept], log_p[:, gone]
        log_odds = log_gone.logsumexp(1, keepdim=True) - log_kept.logsumexp(1, keepdim=True)
        share = torch.sigmoid(log_odds + bank.log_odds)
        forgotten += float(share.sum())
        # E_all is the mean of E_retained and E_forget by their shares
        correction = share * (mean_image(log_kept, bank_kept) - mean_image(log_gone, bank_gone))
        word = model.network(x, t, *(torch.zeros_like(told) for told in part.inputs[2:]))
        x_0 = model.denoised(x, t, word) + correction.view_as(x)
        clamped += float((x_0.abs() > BEYOND).float().mean()) * len(x)
        targets.append(model.output_for(x, t, x_0.clamp(-BEYOND, BEYOND)))
    n = len(forget)
    return Redirection(Sites(raw.inputs, torch.cat(targets)), forgotten / n, clamped / n)


def bank_posterior(model: HasNoiseLevels, x_t: Tensor, t: Tensor, bank: Tensor) -> Tensor:
    """``log p(m_j | x_t)`` up to a constant of each row, ``(n, m)``, for bank images ``(m, d)`` in [-1, 1]."""
    a, s = (level.flatten(1) for level in model.levels(t))
    y = x_t.flatten(1)
    distance = a.square() * bank.square().sum(1) - 2 * a * (y @ bank.T)  # |y|^2 is the row's constant
    return -distance / (2 * s.square())


def mean_image(log_p: Tensor, bank: Tensor) -> Tensor:
    """The mean ``(n, d)`` of bank images ``(m, d)`` by weights ``exp(log_p)``, ``(n, m)``, which need not sum to 1."""
    return weights_of(log_p) @ bank


def weights_of(log_p: Tensor) -> Tensor:
    """Weights in proportion to ``exp(log_p)``, ``(n, m)``, that sum to 1 in each row.

    Those too small for the full precision of their type count as 0: they change no bit of a mean of pixels, and a
    processor multiplies by them some eight times as slowly as by others.
    """
    p = torch.softmax(log_p, 1)
    return p.where(p >= torch.finfo(p.dtype).tiny, 0.0)
