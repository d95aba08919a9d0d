"""The last layer of a decoder in closed form, where a step in the geometry of the factors has left off.

Behind the last layer nothing is linearised: what it lacks of its targets is known pixel by pixel, and a refit takes
away what the step could not. A share of the budget is kept for it. docs/methods/fisher_surgery.md has the formula,
docs/design/028-last-layer.md what it earns.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.models.decoders import decoder_prefix
from gsu_cli.models.likelihoods import visible, visible_logits
from gsu_cli.objectives.posteriors import posterior_codes
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.refits import within_budget
from gsu_cli.solvers.step_problem import Bound, StepProblem, relative_increase
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.least_squares import Moments, Refit, last_layer
from gsu_cli.surgery.vectors import add_scaled, norm, scale
from gsu_cli.unlearning.weights import held

FISHER_IMAGES, SPARED = 2_000, 1_000  # retained ones, at most, for the Fisher, and for the gradient of the retain loss
LOOSE = 0.2  # of its part of the budget, what the step may leave unspent: the last layer takes what is left
NEAR = 0.1  # the same of what is left, and the last layer
STAY_LATENTS = 1  # of each retained image
WEIGHTS = (0.02, 0.3)  # of what is to be redirected, in weights of what is to stay: where the search begins


def first_part(problem: StepProblem, finish: float) -> StepProblem:
    """The same problem with what is left of each limit when a share ``finish`` of it is kept for the last layer."""

    def part(start: float, limit: float) -> float:
        return start + (1 - finish) * (limit - start)

    bounds = [Bound(b.measure, part(b.measure.mean(problem.theta), b.limit)) for b in problem.bounds]
    return replace(problem, limit=part(problem.loss, problem.limit), bounds=tuple(bounds))


def first_sites(spared: SiteLoss, finish: float | None) -> SiteLoss:
    """Whose gradient a step spares: fewer images where the last layer comes after it."""
    return spared if finish is None else spared[torch.arange(min(SPARED, len(spared)))]


def finished(
    problem: StepProblem, begun: Candidate, target_latents: Tensor, stay: Images, *, besides: int, seed: int
) -> tuple[Candidate | None, int]:
    """A step of which ``begun`` is the first part and a refit of the last layer the rest.

    Args:
        problem: with the whole budget.
        begun: the step so far.
        target_latents: latents at which the original generates the targets, ``(n, z)``.
        stay: retained images.
        besides: how many of the first are the budget's, whose latents take no part.
        seed: of their latents.

    Returns:
        None where no refit stays within the budget, or none lowers the redirect loss further; and how many images
        passed the refit.
    """
    model = problem.model
    there = problem.at(begun.direction, begun.step)
    known = begun.step == begun.search.step
    spent = begun.search.relative_increase if known else problem.relative_increase(there)
    rest = replace(problem, theta=there, loss=problem.loss + spent * abs(problem.loss))
    with held(model, there):
        (latents,) = problem.goal.sites.inputs
        layer, squashed = last_layer(model.decoder, there, decoder_prefix(model), latents[:1])
        codes = posterior_codes(model, stay, STAY_LATENTS, seed=seed, besides=besides)
        seen = visible_logits if squashed else partial(visible, model.likelihood)
        rows = (latents, target_latents, codes)
        exact = isinstance(model.decoder.get_submodule(layer.module), nn.Linear)  # of places there are too many
        moments = Moments.of(model.decoder, layer, *rows, seen=seen, exact=exact)
        refit = Refit(model.decoder, there, layer, *rows, moments=moments)
        found = within_budget(rest, refit, between=WEIGHTS, rel_tol=NEAR)
    if found is None:
        return None, refit.images
    change = add_scaled(add_scaled(there, found.step, found.direction), -1.0, problem.theta)
    step = norm(change)
    direction = scale(change, 1 / step)
    ends = problem.at(direction, step)  # both parts in one, which rounds otherwise: measured anew
    losses, reached = problem.cost.losses(ends), found.redirect_loss
    increase = relative_increase(float(wide(losses).mean()), problem.loss)
    measured = len(losses) * (1 if known else 2)
    if not reached < begun.redirect_loss or increase > problem.allowed or not problem.bounded(ends):
        return None, refit.images + len(found.search.evaluations) * len(losses) + measured + len(problem.goal)
    whole = replace(
        found,
        direction=direction,
        search=replace(found.search, relative_increase=increase),
        step=step,
        step_within=step,
        damping=begun.damping,
        surviving=begun.surviving,
        solver=begun.solver,
        losses=losses,
        images=found.images + measured,
    )
    return whole, whole.images
