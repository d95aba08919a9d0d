"""Where Fisher surgery may step to, in closed form: one of the decoder's first layers refitted within the budget.

docs/methods/fisher_surgery.md has the formula, docs/design/010-refit.md what it earns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import NoReturn

from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.models.decoders import decoder_prefix
from gsu_cli.solvers.candidates import Candidate, choose
from gsu_cli.solvers.pilot import Pilot
from gsu_cli.solvers.refit_choice import refits_by_estimates
from gsu_cli.solvers.step_problem import TOLERANCE, StepProblem
from gsu_cli.surgery.estimated_steps import largest_step_estimated
from gsu_cli.surgery.least_squares import Moments, Refit, first_layers
from gsu_cli.surgery.steps import StepSearch, largest_step_within
from gsu_cli.surgery.vectors import Vector, add_scaled, norm, scale
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost

LENGTHS = (1.5, 1.25)  # of a refit's change of its layer, which least squares shrink; the first that is as good
Known = Callable[[Callable[[], list[Moments]]], list[Moments]]
WEIGHTS = (0.05, 20.0)  # of what is to be redirected, in weights of what is to stay: where the search begins


def anew(make: Callable[[], list[Moments]]) -> list[Moments]:
    """Moments that nobody knows."""
    return make()


def shared_moments(task: Task, options: Mapping[str, object], make: Callable[[], list[Moments]]) -> list[Moments]:
    """Moments at the original, which all runs of a search share.

    Args:
        task: of the run.
        options: what else they depend on, the number of layers among it.
        make: them.
    """
    counts = Cost()

    def passed() -> list[Moments]:
        found = make()
        counts.forward = sum(m.images for m in found)
        return found

    return task.shared.once("moments", passed, counts, **options)


def refitted(
    problem: StepProblem,
    layers: int,
    target_latents: Tensor,
    stay: Tensor,
    pilot: Pilot | None = None,
    *,
    all_measured: bool = False,
    known: Known = anew,
) -> list[Candidate]:
    """One of the first layers refitted, so that latents to forget are taken for those that generate their targets.

    The weight of what is to be redirected is the largest whose refit stays within the budget. So far from a perfect
    fit least squares shrink the change, so the best layer's is taken longer, at the same budget, by the first of
    `LENGTHS` that lowers the redirect loss as far but for `candidates.TIE`: what is left of a feature is seen while it
    is faint.

    Args:
        problem: where.
        layers: how many are tried, from the latents on.
        target_latents: latents at which the original generates the targets ``(n, z)``.
        stay: latents of retained images ``(m, z)``, others than the budget's: a refit spares its own.
        pilot: estimates the retain loss between whole measurements; None: every trial is measured whole.
        known: the layers' moments, or what makes them.
        all_measured: whether each candidate may be taken; else with a pilot one alone, see `refit_choice`.

    Returns:
        A candidate for each layer that has one, and the longer ones that were tried.

    Raises:
        UsageError: the decoder has no such layers, or no refit stays within the budget.
    """
    decoder, theta, (latents,) = problem.model.decoder, problem.theta, problem.goal.sites.inputs
    scopes = first_layers(decoder, theta, decoder_prefix(problem.model), latents[:1], layers)
    inputs = latents, target_latents, stay
    moments = known(partial(Moments.of_layers, decoder, scopes, *inputs))
    refits = {s.module: Refit(decoder, theta, s, *inputs, moments=m) for s, m in zip(scopes, moments, strict=True)}
    by_estimates = pilot is not None and not all_measured and not problem.bounds
    if pilot is not None and by_estimates:
        found = refits_by_estimates(problem, list(refits.values()), pilot, LENGTHS, WEIGHTS)
        return found or _nowhere(layers)
    candidates = [c for c in (within_budget(problem, refit, pilot) for refit in refits.values()) if c is not None]
    if not candidates:
        _nowhere(layers)
    refit = refits[str(choose(candidates, problem.before).layer)]
    for length in LENGTHS:
        longer = within_budget(problem, refit, pilot, length)
        if longer is not None:
            candidates.append(replace(longer, images=longer.images - refit.images))  # none passed the refit again
            if choose(candidates, problem.before) is candidates[-1]:
                break
    return candidates


def _nowhere(layers: int) -> NoReturn:
    raise UsageError(
        "a refit must change a layer, and stay within the budget",
        found=f"none of {layers} layers with such a refit",
        way_out="Raise method.budget, or take another method.solver",
    )


def within_budget(
    problem: StepProblem,
    refit: Refit,
    pilot: Pilot | None = None,
    length: float = 1.0,
    *,
    between: tuple[float, float] = WEIGHTS,
    rel_tol: float = TOLERANCE,
) -> Candidate | None:
    """The refit with the largest weight of what is to be redirected that the budget allows.

    Args:
        problem: where.
        refit: of a layer.
        pilot: estimates the retain loss between whole measurements.
        length: how many times its change is taken.
        between: weights, where the search begins.
        rel_tol: share of the budget that may be left unspent.

    Returns:
        None where no weight stays within the budget and whatever else bounds the step.
    """

    def moved(weight: float) -> Vector:
        return add_scaled(refit(1 / weight), -1.0, problem.theta)

    def there(weight: float) -> Vector:
        return problem.at(moved(weight), length)

    passed = pilot.images if pilot else 0
    search = _largest_weight(problem, there, pilot, between, rel_tol)
    weight = problem.within(there, search.step)
    if weight == 0:
        return None
    if weight < search.step:  # something else bounds it
        search = replace(search, relative_increase=problem.relative_increase(there(weight)))
        if search.relative_increase > problem.allowed or not problem.bounded(there(weight)):
            return None
    change = moved(weight)
    step = length * norm(change)
    if step == 0:
        return None
    d = scale(change, length / step)
    return Candidate(
        d,
        search,
        step,
        step,
        problem.reached(problem.at(d, step)),
        mu=1 / weight,
        layer=refit.layer.module,
        length=length,
        images=refit.images + (pilot.images - passed if pilot else 0),
        solver="least_squares",
    )


def _largest_weight(
    problem: StepProblem,
    there: Callable[[float], Vector],
    pilot: Pilot | None,
    between: tuple[float, float],
    rel_tol: float,
) -> StepSearch:
    """The largest weight whose ``there(weight)`` keeps the budget; a pilot estimates between whole looks."""
    low, high = between
    if pilot is None:
        return largest_step_within(
            lambda weight: problem.relative_increase(there(weight)),
            problem.allowed,
            low=low,
            high=high,
            rel_tol=rel_tol,
        )
    return largest_step_estimated(
        lambda weight: pilot.increase(there(weight)) / abs(problem.loss),
        lambda weight: pilot.estimate(there(weight)) / abs(problem.loss),
        problem.allowed,
        low=low,
        high=high,
        rel_tol=rel_tol,
        learn=pilot.learn,
    )
