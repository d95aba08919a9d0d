"""How far to go where a measurement is dear: searched on an estimate, decided by the measurement itself.

The estimate is made of a part of the images under the same noise before and after, so it follows the cost along a ray
up to a factor that hardly changes; each whole measurement corrects the factor. What is accepted was measured whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, isfinite

from gsu_cli.errors import NonFiniteError
from gsu_cli.surgery.laws import power_law_between as law
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
    learn: Callable[[], None] = lambda: None,
) -> StepSearch:
    """What `steps.largest_step_within` finds, with fewer calls of ``increase_of``.

    Args:
        increase_of: step -> relative increase of the loss, dear.
        estimate_of: the same of a part of the images, cheap; it may be off by any factor, and decides nothing.
        budget, low, high, rel_tol, guess: see `steps.largest_step_within`.
        learn: called after each measurement; the estimate may then be a better one.

    Returns:
        The step and every call of ``increase_of``; where no estimate leads into the budget, what
        `steps.largest_step_within` finds from there.

    Example:
        >>> found = largest_step_estimated(lambda t: t * t / 100, lambda t: t * t / 130, 0.01, low=0.01, high=100.0)
        >>> 0.98 < found.step <= 1.0, len(found.evaluations) <= 2
        (True, True)
    """
    aim, factor, step = (1 - rel_tol / 2) * budget, 1.0, guess
    trials: list[tuple[float, float]] = []
    within = 0.0
    for _ in range(ROUNDS):
        estimate = partial(_scaled, estimate_of, factor)
        cheap = largest_step_within(estimate, budget, low=low, high=high, rel_tol=rel_tol, guess=step, law=law)
        step = law(cheap.evaluations, aim) if cheap.step > 0 else None
        if step is None:
            break
        found = _measured(increase_of, step)
        trials.append((step, found))
        learn()
        if found <= budget:
            within = max(within, step)
            if found >= (1 - rel_tol) * budget:
                return StepSearch(step, found, tuple(trials), True)
        estimated = _measured(estimate_of, step)
        if not (isfinite(found) and found > 0 and isfinite(estimated) and estimated > 0):
            break
        factor = found / estimated
    start = within or step or guess
    rest = largest_step_within(increase_of, budget, low=low, high=high, rel_tol=rel_tol, guess=start, law=law)
    return StepSearch(rest.step, rest.relative_increase, (*trials, *rest.evaluations), rest.converged)


def _scaled(estimate_of: Callable[[float], float], factor: float, step: float) -> float:
    return factor * estimate_of(step)


def _measured(increase_of: Callable[[float], float], step: float) -> float:
    try:
        return float(increase_of(step))
    except NonFiniteError:
        return inf
