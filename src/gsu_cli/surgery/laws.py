"""How a cost grows with a step, by the trials nearest to what is aimed at: where the next one may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, isfinite, log

Trials = Sequence[tuple[float, float]]
Law = Callable[[Trials, float], float | None]
"""``(step, increase)`` of trials, an increase to aim at -> where it may be; None where nothing tells."""


def power_law(trials: Trials, aim: float) -> float | None:
    """Where ``increase = aim`` if ``increase ~ t^p`` through the two trials nearest to ``aim``, ``p`` kept in [0.5, 4].

    None where no trial has an increase that is finite and positive.

    >>> round(power_law([(1.0, 0.01), (2.0, 0.04), (9.0, float("inf"))], 0.09), 6)
    3.0
    """
    return _power_law(trials, aim, between=False)


def power_law_between(trials: Trials, aim: float) -> float | None:
    """The same with any ``p > 0`` where the two trials lie on both sides of ``aim``: it cannot lead astray there.

    >>> found = [(1.0, 0.01), (1.1, 0.02)]
    >>> 1.0 < power_law_between(found, 0.0101) < 1.002 < power_law(found, 0.0101)
    True
    """
    return _power_law(trials, aim, between=True)


def _power_law(trials: Trials, aim: float, *, between: bool) -> float | None:
    useful = sorted((abs(log(r / aim)), t, r) for t, r in trials if isfinite(r) and r / aim > 0)[:2]
    if not useful:
        return None
    _, t, r = useful[0]
    p = 2.0
    if len(useful) == 2 and useful[1][1] != t and useful[1][2] != r:
        p = log(r / useful[1][2]) / log(t / useful[1][1])
        if not (between and p > 0 and (r < aim) != (useful[1][2] < aim)):
            p = min(max(p, 0.5), 4.0)
    return t * exp(min(log(aim / r) / p, 700.0))  # beyond it a float overflows


def straight_line(trials: Trials, aim: float) -> float | None:
    """Where ``increase = aim`` if it is ``a + b t`` through the two trials nearest to ``aim``; of one, ``b t``.

    None where that is nowhere, or no trial tells.

    >>> found = [(1.0, 0.03), (0.5, 0.02)]
    >>> round(straight_line(found[:1], 0.015), 9), round(straight_line(found, 0.015), 9), straight_line(found, 0.005)
    (0.5, 0.25, None)
    """
    useful = sorted((abs(r - aim), t, r) for t, r in trials if isfinite(r))[:2]
    if not useful:
        return None
    _, t, r = useful[0]
    if len(useful) == 1:
        return t * aim / r if r / aim > 0 else None
    _, other, s = useful[1]
    slope = (r - s) / (t - other) if t != other else 0.0
    step = t + (aim - r) / slope if slope > 0 else 0.0
    return step if step > 0 else None
