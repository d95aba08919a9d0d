"""Where a cost that may fall before it grows reaches a budget, by few looks."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, isfinite, log, sqrt

from gsu_cli.errors import NonFiniteError
from gsu_cli.surgery.bent import STEEP, bent
from gsu_cli.surgery.laws import Trials
from gsu_cli.surgery.steps import StepSearch

FACTOR = 8.0  # how far beyond all trials the next one may be
LOOKS, REACH = 16, 1e4


def crossing(
    cost_of: Callable[[float], float],
    budget: float,
    *,
    low: float,
    high: float,
    rel_tol: float,
    guess: float | None = None,
    known: Trials = (),
    slope: float = 2.0,
    least: float = STEEP[0],
    looks: int = LOOKS,
) -> StepSearch:
    """The largest step that was looked at and whose cost is within the budget, near it where the looks lead there.

    As `steps.largest_step_within`, but that each look is where `bent.bent` leads, and that what is known already is not
    looked at again.

    Args:
        cost_of: step -> cost, in the unit of the budget; one that is not finite counts as beyond.
        budget, low, high, rel_tol: see `steps.largest_step_within`.
        guess: first look, where nothing is known.
        known: ``(step, cost)`` from before.
        slope, least: of the cost where one trial alone is known, and beyond all trials, see `bent.bent`.
        looks: how often ``cost_of`` may be called, >= 0.

    Returns:
        The step and its cost, 0 where no look was within; ``evaluations`` are known ones and looks, in this order.

    Example:
        >>> found = crossing(lambda t: t**3 - 2 * t, 4.0, low=0.1, high=10.0, rel_tol=0.03)
        >>> 3.88 <= found.relative_increase <= 4.0, len(found.evaluations) <= 5
        (True, True)
    """
    trials, aim, widths = list(known), (1 - rel_tol / 2) * budget, list[float]()
    floor, ceiling = low / REACH, high * REACH
    step = guess if guess is not None and isfinite(guess) and guess > 0 else sqrt(low * high)
    for look in range(looks + 1):
        within = max((t for t in trials if t[1] <= budget), default=(0.0, 0.0))
        beyond = min((t for t in trials if not t[1] <= budget and t[0] > within[0]), default=(inf, inf))
        near = (1 - rel_tol) * budget <= within[1]
        converged = within[0] > 0 and (near or beyond[0] <= within[0] * (1 + rel_tol))
        if converged or look == looks or within[0] >= ceiling or beyond[0] <= floor:
            break
        if trials:
            wall = isfinite(beyond[0]) and not isfinite(beyond[1])
            step = _next(None if wall else bent(trials, aim, slope, least), within[0], beyond[0], widths)
        step = min(max(step, floor), ceiling)
        trials.append((step, looked(cost_of, step)))
    return StepSearch(within[0], within[1], tuple(trials), converged)


def looked(cost_of: Callable[[float], float], step: float) -> float:
    """The cost of a step; infinite where it is not finite."""
    try:
        found = float(cost_of(step))
    except NonFiniteError:
        return inf
    return found if isfinite(found) else inf  # minus infinity is as broken


def _next(led: float | None, within: float, beyond: float, widths: list[float]) -> float:
    """Where the trials lead, kept off the ends of the bracket; its middle where two looks have not halved it."""
    if within == 0:
        return max(min(led or 0.0, beyond / 1.05), beyond / FACTOR)
    if beyond == inf:
        return min(max(led or inf, within * 1.05), within * FACTOR)
    a, b = log(within), log(beyond)
    widths.append(b - a)
    if led is None or (len(widths) > 2 and widths[-1] > widths[-3] / 2):
        widths.clear()
        return exp((a + b) / 2)
    return min(max(led, exp(a + 0.01 * (b - a))), exp(b - 0.01 * (b - a)))
