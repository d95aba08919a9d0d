"""How a cost that may fall before it grows bends along a step: where it reaches an aim, by the trials so far."""

from __future__ import annotations

from math import asinh, exp, isfinite, log, sqrt

from gsu_cli.surgery.laws import Trials

STEEP = 0.5, 8.0  # of slopes beyond the trials: least and most
NEARLY = 2.0  # how many times smaller than the aim a cost is where it begins to count as straight, not as a power
Point = tuple[float, float]


def bent(trials: Trials, aim: float, slope: float = 2.0, least: float = STEEP[0]) -> float | None:
    """Where ``increase = aim`` of a cost that may fall before it grows, in ``log t`` and the asinh of the cost.

    In these a power law is a straight line far from 0, and a cost that passes 0 is straight there. Between two trials
    the parabola through them and the third nearest leads; beyond all of them the line through the nearest two.

    Args:
        trials: ``(step, increase)``; an increase that is not finite says nothing.
        aim: > 0.
        slope: of the line where there is one trial only, `slope_of` others say.
        least: slope of a line beyond all trials, at least.

    >>> round(bent([(1.0, 0.01), (2.0, 0.04)], 0.02), 1), round(bent([(1.0, -0.01), (4.0, 0.01)], 0.001), 1)
    (1.4, 2.2)
    >>> round(bent([(1.0, 0.4)], 0.1, slope=2.0), 1), bent([(1.0, float("inf"))], 0.1)
    (0.5, None)
    """
    points = _points(trials, aim)
    below = max((p for p in points if p[1] < 0), default=None)
    above = min((p for p in points if p[1] >= 0 and (below is None or p[0] > below[0])), default=None)
    if below is None or above is None:
        near = sorted(points, reverse=above is None)[:2]
        return exp(near[0][0] - near[0][1] / (_slope(near, least) or slope)) if near else None
    rest = [p for p in points if p not in (below, above)]
    third = min(rest, key=lambda p: min(abs(p[0] - below[0]), abs(p[0] - above[0])), default=None)
    return exp(below[0] + _root(below, above, third))


def slope_of(trials: Trials, aim: float) -> float | None:
    """How steep a cost is near ``aim``, in the variables of `bent`, by the two trials nearest to it; None of fewer."""
    return _slope(sorted(_points(trials, aim), key=lambda p: abs(p[1]))[:2])


def _points(trials: Trials, aim: float) -> list[Point]:
    finite = [(log(t), r) for t, r in trials if isfinite(r)]
    unit = max(aim / NEARLY, min((-r for _, r in finite if r < 0), default=0.0))  # a gain may be larger than the aim
    return [(u, asinh(r / unit) - asinh(aim / unit)) for u, r in finite]


def _slope(points: list[Point], least: float = STEEP[0]) -> float | None:
    if len(points) < 2 or points[0][0] == points[1][0]:
        return None
    (u, y), (v, z) = points
    return min(max((z - y) / (v - u), least), STEEP[1])


def _root(below: Point, above: Point, third: Point | None) -> float:
    """How far behind ``below`` a parabola through all three is 0; the straight line where it is not between the two."""
    (u, y), (v, z) = below, above
    far, s = v - u, (z - y) / (v - u)
    if third is not None:
        c = ((third[1] - y) / (third[0] - u) - s) / (third[0] - v)
        b = s - c * far
        inside = b * b - 4 * c * y
        if inside >= 0 and b + sqrt(inside) > 0 and 0 < (found := -2 * y / (b + sqrt(inside))) < far:
            return found
    return -y / s
