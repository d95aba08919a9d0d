"""Refits compared by estimates; only the one that is taken is measured whole until it spends the budget.

Of a layer's refit, its change taken longer, all sites of the budget are looked at once, where a blind estimate leads:
from there on the estimate is good to a few percent (see `solvers.pilot`), and so is the redirect loss of a part of the
sites to redirect. Mostly a longer change is taken in the end, and it moves other sites than the least squares' own. The
sites that one layer's refit moves most are those that another's does: the deepest layer is looked at first, and what
it has taught tells whether a layer before it is worth a look of its own, and where. A change that is taken longer costs
about as much where it is as far, so its search begins there. What one search has found out, the next one knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gsu_cli.errors import NonFiniteError
from gsu_cli.solvers.candidates import Candidate, choose
from gsu_cli.solvers.pilot import Pilot
from gsu_cli.solvers.refit_rays import Ray, Redirected
from gsu_cli.solvers.step_problem import TOLERANCE, StepProblem
from gsu_cli.surgery.bent import slope_of
from gsu_cli.surgery.crossing import crossing
from gsu_cli.surgery.laws import Trials
from gsu_cli.surgery.least_squares import Refit
from gsu_cli.surgery.piloted import largest_step_estimated
from gsu_cli.surgery.steps import StepSearch

BLIND = 0.3  # of the budget: how near to it a blind estimate is taken
SLOPE = 2.0  # of a cost that nothing is known of, as `bent.bent` has it
LIKELY = 0.8  # of the best decrease of the redirect loss: a layer that promises less is not looked at whole
WORTH = 8  # looks at a part that one at all sites costs, from which on they are looked at where the change is longer
Evaluations = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Trial:
    """A candidate by estimates, and what its measurement goes on from: ``looks`` are ``(weight, cost)``."""

    candidate: Candidate
    ray: Ray
    weight: float
    pilot: Pilot
    looks: Trials
    allowed: float

    @property
    def slope(self) -> float:
        """Of the cost along this ray, near the budget."""
        return slope_of(self.looks, self.allowed) or SLOPE


def refits_by_estimates(
    problem: StepProblem, refits: Sequence[Refit], pilot: Pilot, lengths: Sequence[float], bracket: tuple[float, float]
) -> list[Candidate]:
    """The refit that `choose` takes by estimates, measured whole, among the others as they were estimated.

    Args:
        problem: where; without further bounds.
        refits: of the layers.
        pilot: of the retain loss, at its start.
        lengths: of the chosen layer's change, tried in their order until one is as good.
        bracket: of the weight of what is to be redirected, where the search begins.

    Returns:
        In the order in which they were tried; the one that was measured may be taken. Empty where no refit stays within
        the budget.
    """
    look = Redirected(problem)
    learnt = lengths[-1] if lengths and len(problem.cost) >= WORTH * pilot.sites else 1.0
    tried: list[Trial] = []
    taught: dict[str, tuple[float, float]] = {}  # layer -> weight and cost where all sites were looked at
    for refit in reversed(refits):
        own, ray, slope, where = pilot.fresh(), Ray(problem, refit, 1.0), SLOPE, None
        if tried:
            best = _taken(tried, problem)
            known = best.pilot.known()
            near = _trial(ray, known, bracket, look, refit.images, guess=best.weight, slope=best.slope, tolerance=BLIND)
            if near and _lowers(near[0], problem) < LIKELY * _lowers(best, problem):
                tried = near + tried
                continue
            passed = best.candidate.images + known.images + len(look.part) * len(near)
            tried = [replace(t, candidate=replace(t.candidate, images=passed)) if t is best else t for t in tried]
            where, slope = (near[0].weight, near[0].slope) if near else (None, SLOPE)
        far = replace(ray, length=learnt)
        if where is None:
            blind = _searched(far, own, bracket, BLIND)
            where, slope = blind.step, slope_of(blind.evaluations, problem.allowed) or SLOPE
        elif learnt != 1:
            where = far.as_far_as(ray.step(where)[1], where)
        if where == 0:
            continue
        seen = taught[refit.layer.module] = where, _increase(far, own, where)
        own.learn()
        known_here = (seen,) if learnt == 1 else ()
        guess = None if known_here else ray.as_far_as(far.step(where)[1], where)
        more = _trial(
            ray, own, bracket, look, refit.images, measured=(seen,), known=known_here, guess=guess, slope=slope
        )
        tried = more + tried
    if tried:
        first = _taken(tried, problem)
        for length in lengths:
            own, longer = first.pilot.known(), replace(first.ray, length=length)
            guess = longer.as_far_as(first.candidate.step, first.weight)
            there = (taught[longer.refit.layer.module],) if length == learnt else ()
            tried += _trial(longer, own, bracket, look, 0, known=there, guess=guess, slope=first.slope)
            if _taken(tried, problem) is tried[-1] and tried[-1].ray.length == length:
                break
    left = tried
    while left:
        best = _taken(left, problem)
        measured = _measured(best, bracket)
        if measured is not None:
            return [measured if t is best else t.candidate for t in tried]
        left = [t for t in left if t is not best]
    return []


def _lowers(trial: Trial, problem: StepProblem) -> float:
    return problem.before - trial.candidate.redirect_loss


def _taken(tried: Sequence[Trial], problem: StepProblem) -> Trial:
    best = choose([t.candidate for t in tried], problem.before)
    return next(t for t in tried if t.candidate is best)


def _increase(ray: Ray, pilot: Pilot, weight: float) -> float:
    try:
        return pilot.increase(ray.at(weight)) / abs(ray.problem.loss)
    except NonFiniteError:
        return float("inf")


def _searched(
    ray: Ray,
    pilot: Pilot,
    bracket: tuple[float, float],
    tolerance: float,
    guess: float | None = None,
    known: Trials = (),
    slope: float = SLOPE,
) -> StepSearch:
    return crossing(
        lambda weight: pilot.estimate(ray.at(weight)) / abs(ray.problem.loss),
        ray.problem.allowed,
        low=bracket[0],
        high=bracket[1],
        rel_tol=tolerance,
        guess=guess,
        known=known,
        slope=slope,
    )


def _trial(
    ray: Ray,
    pilot: Pilot,
    bracket: tuple[float, float],
    look: Redirected,
    passed: int,
    *,
    measured: Evaluations = (),
    known: Trials = (),
    guess: float | None = None,
    slope: float = SLOPE,
    tolerance: float = TOLERANCE,
) -> list[Trial]:
    """As far as the budget allows by estimates; none where that is nowhere.

    What all sites were ``measured`` at for it counts as its cost; ``known`` is what they cost on this very ray.
    """
    search = _searched(ray, pilot, bracket, tolerance, guess, known, slope)
    d, step = ray.step(search.step) if search.step else ({}, 0.0)
    if step == 0:
        return []
    candidate = Candidate(
        d,
        replace(search, evaluations=measured),
        step,
        step,
        look(ray.problem.at(d, step)),
        mu=1 / search.step,
        layer=ray.refit.layer.module,
        length=ray.length,
        images=passed + pilot.images + len(look.part),
        solver="least_squares",
        estimated=True,
    )
    return [Trial(candidate, ray, search.step, pilot, search.evaluations, ray.problem.allowed)]


def _measured(trial: Trial, bracket: tuple[float, float]) -> Candidate | None:
    """The same as far as the budget allows in whole measurements; None where that is nowhere."""
    ray, pilot, problem = trial.ray, trial.pilot, trial.ray.problem
    passed = pilot.images
    search = largest_step_estimated(
        lambda weight: _increase(ray, pilot, weight),
        lambda weight: pilot.estimate(ray.at(weight)) / abs(problem.loss),
        problem.allowed,
        low=bracket[0],
        high=bracket[1],
        rel_tol=TOLERANCE,
        guess=trial.weight,
        learn=pilot.learn,
        known=trial.looks,
    )
    d, step = ray.step(search.step) if search.step else ({}, 0.0)
    if step == 0:
        return None
    known = trial.candidate.search.evaluations
    return replace(
        trial.candidate,
        direction=d,
        search=replace(search, evaluations=(*known, *search.evaluations)),
        step=step,
        step_within=step,
        redirect_loss=problem.reached(problem.at(d, step)),
        mu=1 / search.step,
        images=trial.candidate.images + pilot.images - passed,
        estimated=False,
        losses=pilot.losses if search.evaluations[-1][0] == search.step else None,
    )
