"""How far to go where a measurement is dear: searched on an estimate, decided by the measurement itself.

The estimate is made of a part of the images under the same noise before and after, so it follows the cost along a ray
up to a factor that hardly changes. Each whole measurement corrects it. What is accepted was measured whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isfinite

from gsu_cli.surgery.bent import bent, slope_of
from gsu_cli.surgery.bracket import Bracket
from gsu_cli.surgery.crossing import crossing, looked
from gsu_cli.surgery.laws import Trials, power_law_between
from gsu_cli.surgery.steps import StepSearch, largest_step_within

ROUNDS = 4  # whole measurements, before the search goes on without an estimate


def largest_step_estimated(
    increase_of: Callable[[float], float],
    estimate_of: Callable[[float], float],
    budget: float,
    *,
    low: float,
    high: float,
    rel_tol: float = 0.02,
    guess: float | None = None,
    learn: Callable[[], None] | None = None,
    known: Trials = (),
) -> StepSearch:
    """What `steps.largest_step_within` finds, with fewer calls of ``increase_of``.

    Args:
        increase_of: step -> relative increase of the loss, dear.
        estimate_of: the same of a part of the images, cheap; it may be off by any factor, and decides nothing.
        budget, low, high, rel_tol, guess: see `steps.largest_step_within`.
        learn: called after each measurement; from then on the estimate is exact there. None: it is corrected by the
            factor by which it was off.
        known: ``(step, estimate)`` from before, by the estimate as it is at first.

    Returns:
        The step and every call of ``increase_of``; where no estimate leads into the budget, what
        `steps.largest_step_within` finds from there.

    Example:
        >>> found = largest_step_estimated(lambda t: t * t / 100, lambda t: t * t / 130, 0.01, low=0.01, high=100.0)
        >>> 0.98 < found.step <= 1.0, len(found.evaluations) <= 2
        (True, True)
    """
    aim, factor, slope, step = (1 - rel_tol / 2) * budget, 1.0, 2.0, guess
    bracket = Bracket(budget, rel_tol)
    for _ in range(ROUNDS):
        estimate = partial(_scaled, estimate_of, factor)
        cheap = crossing(estimate, budget, low=low, high=high, rel_tol=rel_tol, guess=step, known=known, slope=slope)
        step = bent(cheap.evaluations, aim) if cheap.step > 0 else None
        if step is None:
            break
        slope = slope_of(cheap.evaluations, aim) or slope
        found = looked(increase_of, step)
        bracket.take(step, found)
        if bracket.closed:
            return StepSearch(*bracket.within, tuple(bracket.trials), True)
        if not isfinite(found):
            break
        if learn is None:
            estimated = looked(estimate_of, step)
            if not (found > 0 and isfinite(estimated) and estimated > 0):
                break
            factor, known = found / estimated, ((step, found),)
        else:
            learn()
            known = tuple(bracket.trials)
    start = bracket.within[0] or step or guess
    rest = largest_step_within(
        increase_of, budget, low=low, high=high, rel_tol=rel_tol, guess=start, law=power_law_between
    )
    return StepSearch(rest.step, rest.relative_increase, (*bracket.trials, *rest.evaluations), rest.converged)


def _scaled(estimate_of: Callable[[float], float], factor: float, step: float) -> float:
    return factor * estimate_of(step)
