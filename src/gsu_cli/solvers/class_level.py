"""By how much a class's loss would be higher, had none of it been trained on: measured in the weights, not by training.

A single image owes its loss its leverage (`leverage`), to first order. A class is no small change: the first order is
far too large or too small. What goes along with the truth is how much more a class than retained images depends on
what training adjusts, times what a latent tells of an image,

    expected rise = S KL,        S = tr(F_f (F_r + lambda)^-1) / tr(F_r (F_r + lambda)^-1),

``F_f`` and ``F_r`` the Kronecker-factored Fishers of the class and of retained images, ``KL`` the mean divergence of
retained images' posteriors from the prior. Without training on a class its latents tell what the retained classes
know, and of the class itself next to nothing; ``S`` weighs how much of it is its own. A rule of thumb with no constant
fitted: docs/design/024-class-level.md compares it with retraining.
"""

from __future__ import annotations

from typing import Any

from gsu_cli.curvature.fisher import kronecker_factors
from gsu_cli.data.base import Images
from gsu_cli.gradients import parameters
from gsu_cli.models.prior import kl_to_prior
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.posteriors import posterior
from gsu_cli.solvers.unseen import UnseenLevel
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.kronecker import KroneckerFactors, KroneckerFisher, KroneckerInverse
from gsu_cli.unlearning.cost import Cost

DAMPING = 0.1  # in mean eigenvalues of each layer


def sensitivity(gone: KroneckerFactors, kept: KroneckerFactors, geometry: KroneckerFisher) -> float:
    """``tr(gone P) / tr(kept P)``, ``P`` the inverse of ``geometry`` with `DAMPING`; all of the same network."""
    P = geometry.inverse(DAMPING, damping_scope="layer")
    return _trace(gone, P) / _trace(kept, P)


def _trace(fisher: KroneckerFactors, P: KroneckerInverse) -> float:
    """``tr(fisher P)``."""
    total = sum(float((fisher.diagonal[k] * spectrum).sum()) for k, spectrum in P.diagonal.items())
    for layer, basis, spectrum in zip(fisher.layers, P.fisher.layers, P.spectra, strict=True):
        a, g = ((U.mT @ M * U.mT).sum(-1) for U, M in ((basis.U_A, layer.A), (basis.U_G, layer.G)))
        total += float((g[..., :, None] * a[..., None, :] * spectrum).sum())
    return total


def class_level(
    model: Any, forget: Images, others: Images, fisher: KroneckerFisher, *, seed: int, ends: bool
) -> UnseenLevel:
    """That of the class of ``forget``.

    Args:
        model: with ``posterior``, ``decoder`` and ``likelihood``.
        forget: images of the class.
        others: retained images, other than those of ``fisher`` where there are enough: of those it knows too much.
        fisher: of retained images, in the weights that generation depends on.
        seed: of the latents.
        ends: whether a step ends at the level.
    """
    gone, kept = (kronecker_factors(model, images, fisher.names(), seed=seed) for images in (forget, others))
    found = sensitivity(gone, kept, fisher)
    loss = frozen_elbo(model, forget, seed=seed, what="the forget loss")
    mean, sd = posterior(model, others)
    divergence = float(wide(kl_to_prior(mean, sd)).sum(1).mean())
    notes = {"images": len(forget), "sensitivity": found, "divergence": divergence, "damping": DAMPING}
    start = loss.mean(parameters(model, fisher.names()))
    cost = Cost(fisher=len(forget) + len(others), forward=len(loss))
    return UnseenLevel("class_level", loss, start, divergence * found, ends, cost, notes)
