"""How far to go: the largest step whose measured cost stays within a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, isfinite, log, nan, sqrt

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.bracket import Bracket
from gsu_cli.surgery.laws import Law, power_law


@dataclass(frozen=True)
class StepSearch:
    """The outcome of a search.

    Attributes:
        step: the largest step measured to be within the budget; 0.0 when none was.
        relative_increase: of the cost, measured there; 0.0 for the step 0.
        evaluations: every ``(step, increase)`` in the order of measuring; an increase may be nan or infinite.
        converged: False when the search ended at a bound or ran out of evaluations.
    """

    step: float
    relative_increase: float
    evaluations: tuple[tuple[float, float], ...]
    converged: bool

    def up_to(self, most: float, budget: float) -> float:
        """The largest step, at most ``most``, that was measured within ``budget``; 0.0 when none was."""
        return max((t for t, r in self.evaluations if t <= most and r <= budget), default=0.0)


def largest_step_within(
    increase_of: Callable[[float], float],
    budget: float,
    *,
    low: float,
    high: float,
    rel_tol: float = 0.02,
    guess: float | None = None,
    max_evaluations: int = 16,
    reach: float = 1e4,
    law: Law | None = None,
) -> StepSearch:
    """The largest step ``t`` with ``increase_of(t) <= budget``, by a bracket in ``log t``.

    Inside the bracket the next trial assumes ``increase ~ t^p`` through the last measured points (``p`` is 1 without
    surgery, 2 with it), kept off the ends of the bracket; where that says nothing, it bisects. ``[low, high]`` is only
    where to start: the search leaves it by up to ``reach`` on either side when all of it is within, or all beyond,
    the budget. An increase that is nan or infinite, or a ``NonFiniteError``, counts as beyond. An increase that is not
    monotone costs optimality (a larger step may exist behind a hill) but never the budget: the result was measured.

    Args:
        increase_of: step -> relative increase of the loss, 0.01 for 1 %; negative where the loss falls.
        budget: the largest increase allowed, in the same unit, > 0.
        low, high: first bracket, ``0 < low < high``, in the unit of the step.
        rel_tol: stop when the increase lies in ``[(1 - rel_tol) budget, budget]`` or the bracket is narrower than this.
        guess: first trial, ``Parabola.step_for`` say; the middle of the bracket when None.
        max_evaluations: how often ``increase_of`` may be called.
        reach: how far outside ``[low, high]`` a trial may lie, as a factor.
        law: how the increase grows, `power_law` when None.

    Returns:
        The step, its increase and all evaluations.

    Raises:
        UsageError: the budget is not a positive number or the bracket is empty.

    Example:
        >>> found = largest_step_within(lambda t: t * t / 100, 0.01, low=0.01, high=100.0)
        >>> 0.98 < found.step <= 1.0, len(found.evaluations) <= 4
        (True, True)
    """
    if not (isfinite(budget) and budget > 0):
        raise UsageError("`budget` must be a positive number", found=budget)
    if not 0 < low < high < inf:
        raise UsageError("the bracket of the step must be 0 < low < high", found=f"{low}, {high}")
    floor, ceiling = low / reach, high * reach
    trial = guess if guess is not None and isfinite(guess) and guess > 0 else sqrt(low * high)
    bracket = Bracket(budget, rel_tol)
    while len(bracket.trials) < max_evaluations and not bracket.closed:
        trial = min(max(trial, floor), ceiling)
        bracket.take(trial, _measure(increase_of, trial))
        if bracket.within[0] >= ceiling or bracket.beyond <= floor:
            break
        aimed = (law or power_law)(bracket.trials, (1 - rel_tol / 2) * budget)
        trial = _next(aimed, bracket, low, high)
    return StepSearch(*bracket.within, tuple(bracket.trials), bracket.closed)


def _measure(increase_of: Callable[[float], float], step: float) -> float:
    try:
        increase = float(increase_of(step))
    except NonFiniteError:
        return nan
    return inf if increase == -inf else increase  # a loss of minus infinity is as broken as plus infinity


def _next(law: float | None, bracket: Bracket, low: float, high: float) -> float:
    """The next trial: where a law aims just below the budget, else growth, shrinkage or the middle of the bracket."""
    within, beyond = bracket.within[0], bracket.beyond
    if beyond == inf:  # all within so far: at least to `high`, at most a decade beyond what is known
        return min(max(law or inf, within * 1.2), max(within * 10, high))
    if within == 0.0:  # all beyond so far: at least a fifth shorter, at most a decade below what is known
        return max(min(law or 0.0, beyond / 1.2), min(beyond / 10, low))
    a, b = log(within), log(beyond)
    middle = exp((a + b) / 2)
    # a bracket that two laws in a row have not narrowed much is bisected, so that it always closes
    if law is None or len(bracket.trials) % 3 == 0:
        return middle
    return min(max(law, exp(a + 0.02 * (b - a))), exp(b - 0.02 * (b - a)))
