"""Local targets: an attribute is a part of a picture, and the rest of the picture is to stay.

    t_i = (1 - w) x_i + w y_i,   x_i = E[x | decoder_0(z_i)],   y_i = E[x | decoder_0(m_i)],

``w`` in [0, 1] says of each pixel whether the attribute shows there: where the values of the images to forget are
distributed otherwise than those of the retained ones (the two-sample Kolmogorov-Smirnov distance). ``m_i`` is, of all
clean retained posterior means, the one whose image is most like ``x_i`` elsewhere. So a face without its glasses is
the same face with the eyes of its double, and the step has nothing to do but to take the glasses off. Taking the whole
double (`redirect` with ``shortlist=None``) asks for less change where a beard hides a missing hood of hair, and plants
beards. No judge is asked: the region is read off the training images and their labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.data.base import Images, to_float
from gsu_cli.gradients import BLOCK
from gsu_cli.models.conditions import code, posterior
from gsu_cli.models.model import copied, decode
from gsu_cli.models.pass_sizes import AT_ONCE
from gsu_cli.models.sites import Sites
from gsu_cli.models.vae.base import Vae
from gsu_cli.objectives.nearest import ROWS, Nearest, clean_means, distinct
from gsu_cli.objectives.redirect import Redirect, latents
from gsu_cli.objectives.retouched import Retouched, retouched
from gsu_cli.objectives.site_loss import VALUES
from gsu_cli.surgery.folding import folded
from gsu_cli.surgery.ranks import joined

REGION_IMAGES = 1000  # of each part, at most
PART = 100  # images at a time
LEVELS = 32  # of grey at which distribution functions are compared
LOW, HIGH = 0.15, 0.4  # shares of the largest distance at which ``w`` leaves 0 and reaches 1
INSIDE = 0.1  # weight, in a double's likeness, of pixels where ``w`` is 1: all there is when it is 1 everywhere
ALPHA = 0.05  # chance that equal distributions show a region somewhere


@torch.no_grad()
def local(model: Any, forget: Images, retain: Images, *, seed: int) -> Redirect:
    """Builds the objective at the model's present weights.

    Args:
        model: with ``posterior``, ``decoder``, ``likelihood`` (see `models.protocols.HasDecoder`).
        forget: images to forget.
        retain: images that do not have it.
        seed: of the latents' noise.

    Raises:
        UsageError: the model has no latents.
    """
    z, mean_f, mean_r = latents(model, forget, retain, seed)
    pool, clean = clean_means(mean_f, mean_r)
    pool = distinct(pool)  # images of few kinds repeat themselves
    w = region(forget, retain)
    weight = 1 - (1 - INSIDE) * w
    size = min(BLOCK, max(1, VALUES // forget.pixels[:1].numel()))  # maps of more large images than these take room
    ours = isinstance(model, Vae) and size <= AT_ONCE  # whose output is at hand, in one pass: of others it is not
    through = folded(copied(model.decoder), {}) if ours else None  # of weights that no step moves
    said = model.decoder if through is None else through
    made = partial(decode, model) if through is None else lambda part: model.likelihood.mean(through(part))
    doubles = joined(pool.split(size), made)
    alike = Nearest((doubles * weight).flatten(1))
    kept = z.new_empty(len(z), *doubles.shape[1:]) if through is None else None
    # whole at once: small tensors kept among the large ones of a pass scatter the memory, see `joined`
    target_latents, which = torch.empty_like(z), torch.empty(len(z), dtype=torch.int64, device=z.device)
    start = z.new_empty(len(z)) if ours else None
    for at in range(0, len(z), size):
        here = slice(at, at + size)
        part, y = z[here], forget.labels[here]
        output = said(part) if ours else None
        generated = decode(model, part) if output is None else model.likelihood.mean(output)
        which[here] = torch.cat([alike(rows) for rows in (generated * weight).flatten(1).split(ROWS)])
        target = retouched(generated, doubles[which[here]], w, None if kept is None else kept[here])
        target_latents[here] = code(model, posterior(model, target, y)[0], y)
        if start is not None and output is not None:
            start[here] = model.likelihood.nll(output, target)
    share = float(w.mean())
    if kept is None:
        few, of_them = torch.unique(which, return_inverse=True)
        sites: Sites = Retouched((z,), doubles[few], which=of_them, weight=w, generate=made)
    else:
        sites = Sites((z,), kept)
    return Redirect(sites, target_latents, clean, None, kind="local", region=share, start=start)


def region(forget: Images, retain: Images) -> Tensor:
    """Where the two sets of images differ: ``(1, h, w)`` in [0, 1]; 1 everywhere where they differ nowhere for sure."""
    a, b = (part[:REGION_IMAGES] for part in (forget, retain))
    distance = kolmogorov_smirnov(a.pixels, b.pixels).amax(0)
    top = float(distance.max())
    low = max(LOW * top, _by_chance(len(a), len(b), a.pixels[0].numel()))
    if low >= top:
        return distance.new_ones(1, *distance.shape)
    w = ((distance - low) / max(HIGH * top - low, LOW * top)).clamp(0, 1)[None, None]
    # a pixel wider, for its anti-aliased rim, and with a soft edge
    return F.avg_pool2d(F.max_pool2d(w, 3, 1, 1), 3, 1, 1, count_include_pad=False)[0]


def kolmogorov_smirnov(a: Tensor, b: Tensor) -> Tensor:
    """The largest difference between the distribution functions of two samples, for each entry.

    Args:
        a, b: ``(n, ...)`` and ``(m, ...)``, in [0, 1] or bytes; compared at `LEVELS` levels.

    Returns:
        ``(...)`` in [0, 1].
    """
    return (_shares_below(a.split(PART)) - _shares_below(b.split(PART))).abs().amax(0)


def _shares_below(parts: Iterable[Tensor]) -> Tensor:
    """Distribution functions of images in parts ``(n, ...)``, at each level: ``(LEVELS, ...)`` float32.

    Of bytes the bin of each of the 256 is looked up, in a quarter of the time.
    """
    n, counts, shape = 0, None, torch.Size()
    for part in parts:
        levels, size = torch.arange(LEVELS, device=part.device) / LEVELS, part[0].numel()
        # the first level that is not below, times the entries of an image
        if part.dtype == torch.uint8:
            known = size * torch.bucketize(to_float(torch.arange(256, dtype=torch.uint8, device=part.device)), levels)
            bins = torch.take(known, part.flatten(1).long())
        else:
            bins = size * torch.bucketize(part, levels).flatten(1)
        if counts is None:
            shape, counts = part.shape[1:], bins.new_zeros((LEVELS + 1) * size)
        place = bins.add_(torch.arange(size, device=part.device))
        n, counts = n + len(part), counts + torch.bincount(place.flatten(), minlength=len(counts))
    if counts is None:
        raise ValueError("no images have no distribution")
    return counts.view(LEVELS + 1, *shape)[:LEVELS].cumsum(0).float() / n


def _by_chance(n: int, m: int, entries: int) -> float:
    """What the largest of so many distances exceeds with chance `ALPHA` at most (Massart's bound, Bonferroni)."""
    return math.sqrt((n + m) / (n * m) * math.log(2 * entries / ALPHA) / 2)
