"""Redirect: generate, at the latents of what is to be forgotten, what the original generates at a near retained latent.

    L_redirect(theta) = mean_i nll(decoder_theta(z_i), t_i),   z_i ~ q(z | x_i), x_i to be forgotten,
    t_i = E[x | decoder_0(m_i)],   m_i a clean retained posterior mean near z_i.

A retained posterior mean is *clean* when none of its ``neighbours`` nearest posterior means belongs to the forget set:
without that, the targets of a 9 are the most 9-like of the 4s. Of the ``shortlist`` clean means nearest to ``z_i``, the
one whose image differs least from what is generated at ``z_i`` is taken: near in the latent space is not always near on
paper, and the nearer the target, the further a budget reaches. Neighbours in the latent space are a proxy: of two
latents many clean ones still generate what is to be forgotten. Where a `Discriminant` is at hand it looks at what the
original generates at each clean mean, so that three neighbours are enough and targets are nearer as well.

Ascending the forget loss of a trained model amplifies pixel noise (its gradient there is mostly residual); this loss is
far from its optimum, so its gradient is a signal. No judge is asked. The image likelihood's cross-entropy accepts
targets between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.gradients import BLOCK
from gsu_cli.models import conditions
from gsu_cli.models.conditions import NULL, code, conditions_of
from gsu_cli.models.decoders import check_network
from gsu_cli.models.model import decode
from gsu_cli.models.pass_sizes import AT_ONCE, LARGE
from gsu_cli.models.protocols import HasDecoder
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.discriminant import Discriminant
from gsu_cli.objectives.nearest import LEAST_CLEAN, clean_means, nearest
from gsu_cli.objectives.posteriors import posterior, posterior_latents
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.devices import share_of, wide
from gsu_cli.surgery.ranks import joined
from gsu_cli.surgery.taps import GRADIENTS_ALONE

NEIGHBOURS, LOOKED_AT = 10, 3  # nearest posterior means that must be retained; the same where a discriminant looks
MARGIN = 0.1  # below 0, where a discriminant's score must be: at 1 and -1 stand the images that it was fitted to


@dataclass(frozen=True)
class Redirect:
    """The objective with its data.

    Attributes:
        sites: latents ``(n, z)``, where what is to be forgotten is generated; and what is to be generated there,
            ``(n, c, h, w)`` in [0, 1].
        target_latents: ``(n, z)``, where the original generates the targets, or the posterior means of other targets.
        clean_fraction: share of the retained posterior means that could be a target.
        floor: the loss of a decoder that generates the targets exactly (their entropy), nats per image; None where the
            targets are not generated from latents.
        kind: how the targets were chosen.
        region: share of the picture that the targets change; 1 for another picture.
        eye: that looked at the targets, if any did.
        start: ``(n,)``, the loss at the weights at which the targets were made, where it came with them; or None.
    """

    sites: Sites
    target_latents: Tensor
    clean_fraction: float
    floor: float | None
    kind: str = "nearest"
    region: float = 1.0
    eye: Discriminant | None = None
    start: Tensor | None = None

    @property
    def latents(self) -> Tensor:
        """``(n, z)``, where what is to be forgotten is generated."""
        return self.sites.inputs[0]

    @property
    def targets(self) -> Tensor:
        """``(n, c, h, w)`` in [0, 1], what is to be generated there instead; made anew where it is not kept."""
        return self.sites[:].targets

    def retained(self, model: Any, forget: Images, retain: Images) -> float | None:
        """The targets' `retained_share`; None of targets that the original generates at retained latents."""
        if self.kind in ("nearest", "discriminant"):
            return None
        if self.kind in ("local", "expected") and not conditions_of(model):
            return share_near(model, self.target_latents, forget, retain)
        return retained_share(model, self.targets, forget, retain)

    def made(self, retain: int) -> int:
        """Images that passed the decoder, an encoder or an eye for the targets, of ``retain`` retained ones."""
        if self.kind == "expected":
            return 2 * len(self.latents)
        return retain + len(self.latents) + (0 if self.eye is None else self.eye.n)

    def facts(self, model: Any, forget: Images, retain: Images) -> dict[str, Any]:
        """What the record says of the targets."""
        return {"kind": self.kind, "retained": self.retained(model, forget, retain), "region": self.region}

    def loss(self, model: Any) -> SiteLoss:
        """The loss as a function of the weights, nats per image."""
        return SiteLoss(model, self.sites, "the redirect loss")


def check_latents(model: Any) -> None:
    """Refuses a model without latents to redirect.

    Raises:
        UsageError: with its name.
    """
    if not isinstance(model, HasDecoder):
        raise UsageError(
            "redirecting needs a model with posterior(), decoder and likelihood",
            found=type(model).__name__,
            way_out=GRADIENTS_ALONE,
        )
    check_network(model)


def latents(model: Any, forget: Images, retain: Images, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where what is to be forgotten is generated, and the posterior means of both parts.

    Returns:
        A draw of ``q(z | x)`` for each image to forget, ``(n_f, z)``; the means, ``(n_f, z)`` and ``(n_r, z)``. Of a
        conditional model codes, at the images' labels.

    Raises:
        UsageError: the model has no latents to redirect.
    """
    check_latents(model)
    mean_f, sd_f = posterior(model, forget)
    mean_r, _ = posterior(model, retain)
    z = posterior_latents(mean_f, sd_f, 1, seed=seed)
    return code(model, z, forget.labels), code(model, mean_f, forget.labels), code(model, mean_r, retain.labels)


@torch.no_grad()
def redirect(
    model: Any,
    forget: Images,
    retain: Images,
    *,
    seed: int,
    neighbours: int | None = None,
    shortlist: int | None = 30,
    eye: Discriminant | None = None,
) -> Redirect:
    """Builds the objective at the model's present weights.

    Args:
        model: with ``posterior``, ``decoder``, ``likelihood`` (see `models.protocols.HasDecoder`).
        forget: images to forget.
        retain: images whose latents are the targets' choice; some thousands suffice.
        seed: of the latents' noise.
        neighbours: how many nearest posterior means must all be retained; None: 10, or 3 with an eye.
        shortlist: clean means nearest in the latent space among which the nearest image is chosen; None: all of them.
        eye: must take what the original generates at a target's latent for retained; None: neighbours decide alone.

    Raises:
        UsageError: the model has no latents to redirect.
    """
    z, mean_f, mean_r = latents(model, forget, retain, seed)
    pool, clean = clean_means(mean_f, mean_r, neighbours or (NEIGHBOURS if eye is None else LOOKED_AT))
    generated = joined(pool.split(BLOCK), lambda part: decode(model, part))
    if eye is not None:
        seen = unlike(eye.scores(generated))
        pool, generated, clean = pool[seen], generated[seen], clean * share_of(seen)
    parts = z.split(BLOCK)
    if shortlist is None:
        looks = generated.flatten(1)
        chosen = joined(parts, lambda part: nearest(decode(model, part).flatten(1), looks, 1)[:, 0])
    else:
        near = nearest(z, pool, min(shortlist, len(pool))).split(BLOCK)
        chosen = joined(zip(parts, near, strict=True), lambda pair: _alike(decode(model, pair[0]), generated, pair[1]))
    targets, target_latents = generated[chosen], pool[chosen]
    kind = "alike" if shortlist is None else "nearest" if eye is None else "discriminant"
    floor = entropy(model, target_latents, targets)
    return Redirect(Sites((z,), targets), target_latents, clean, floor, kind=kind, eye=eye)


def unlike(scores: Tensor) -> Tensor:
    """Which images a discriminant takes for retained, ``(n,)`` bool; the clearest `LEAST_CLEAN` where hardly any is.

    Args:
        scores: ``(n,)``, above 0 where an image shows what is to be forgotten.
    """
    return scores <= scores.sort().values[int(LEAST_CLEAN * (len(scores) - 1))].clamp_min(-MARGIN)


def _alike(images: Tensor, generated: Tensor, index: Tensor) -> Tensor:
    """Of the candidates ``index`` ``(n, k)`` into ``generated``, the one nearest in pixels to each image, ``(n,)``."""
    # column by column: n x k images at once would be the largest tensor of the whole method
    distances = torch.stack([generated[column].sub_(images).square_().flatten(1).sum(1) for column in index.T], 1)
    return index.gather(1, distances.argmin(1, keepdim=True))[:, 0]


@torch.no_grad()
def retained_share(model: Any, targets: Tensor, forget: Images, retain: Images) -> float:
    """How retained targets look to the encoder: `share_near` their posterior means.

    Args:
        model: with ``posterior``.
        targets: ``(n, c, h, w)`` in [0, 1].
        forget, retain: images.
    """
    unlabelled = torch.full((len(targets),), NULL, device=targets.device)
    size = AT_ONCE if targets[:1].numel() > LARGE else BLOCK
    parts = zip(targets.split(size), unlabelled.split(size), strict=True)
    means = joined(parts, lambda part: conditions.posterior(model, *part)[0])
    return share_near(model, means, forget, retain)


@torch.no_grad()
def share_near(model: Any, means: Tensor, forget: Images, retain: Images) -> float:
    """Of the `NEIGHBOURS` posterior means nearest to each of ``means`` ``(n, z)``, the share that is retained.

    Args:
        model: with ``posterior``.
        means: of targets.
        forget, retain: images; as many of each are taken, so that 0.5 says nothing.
    """
    n = min(len(forget), len(retain))
    pool = torch.cat([posterior(model, part)[0][:n] for part in (retain, forget)])
    return share_of(nearest(means, pool, min(NEIGHBOURS, 2 * n)) < n)


@torch.no_grad()
def entropy(model: Any, z: Tensor, targets: Tensor) -> float:
    """The loss of generating exactly ``targets``, the means at latents ``z``, nats per image."""
    parts = zip(z.split(BLOCK), targets.split(BLOCK), strict=True)
    return float(wide(joined(parts, lambda part: model.likelihood.nll(model.decoder(part[0]), part[1]))).mean())
