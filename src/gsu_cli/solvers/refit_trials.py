"""One refit taken as far as the budget allows: by estimates, and then measured whole."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gsu_cli.errors import NonFiniteError
from gsu_cli.solvers.candidates import Candidate
from gsu_cli.solvers.pilot import Pilot
from gsu_cli.solvers.refit_rays import Ray, Redirected
from gsu_cli.solvers.step_problem import TOLERANCE
from gsu_cli.surgery.bent import slope_of
from gsu_cli.surgery.crossing import crossing
from gsu_cli.surgery.estimated_steps import largest_step_estimated
from gsu_cli.surgery.laws import Trials
from gsu_cli.surgery.steps import StepSearch

SLOPE = 2.0  # of a cost that nothing is known of, as `bent.bent` has it
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


def increase_at(ray: Ray, pilot: Pilot, weight: float) -> float:
    """The retain loss's relative increase over all sites; infinite where it is not a number."""
    try:
        return pilot.increase(ray.at(weight)) / abs(ray.problem.loss)
    except NonFiniteError:
        return float("inf")


def searched(
    ray: Ray,
    pilot: Pilot,
    bracket: tuple[float, float],
    tolerance: float,
    *,
    guess: float | None = None,
    known: Trials = (),
    slope: float = SLOPE,
) -> StepSearch:
    """The weight whose estimated cost is the budget but for a tolerance.

    Args:
        ray: of weights.
        pilot: estimates the cost.
        bracket: the least and the largest weight.
        tolerance: a share of the budget.
        guess: where to look first.
        known: ``(weight, cost)`` of this ray.
        slope: of the cost in bent axes, until two looks tell.
    """
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


def trials(
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
    search = searched(ray, pilot, bracket, tolerance, guess=guess, known=known, slope=slope)
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


def measured_whole(trial: Trial, bracket: tuple[float, float]) -> Candidate | None:
    """The same as far as the budget allows in whole measurements; None where that is nowhere."""
    ray, pilot, problem = trial.ray, trial.pilot, trial.ray.problem
    passed = pilot.images
    search = largest_step_estimated(
        lambda weight: increase_at(ray, pilot, weight),
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
