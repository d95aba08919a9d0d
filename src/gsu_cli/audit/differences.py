"""How a model under audit differs from retrained ones, with its interval, and what is said of a difference not shown.

That nothing is shown may be the model's merit or the probe's weakness. So a sentence then says how large a difference
would have been seen, and whether the probe tells the original, which forgot nothing, from the retrained model.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gsu_cli.audit.attack import Auc
from gsu_cli.audit.base import ORIGINAL, UNLEARNED, Case
from gsu_cli.audit.other_seeds import every_retrained, half_of_another, widened
from gsu_cli.evaluation.intervals import Z95, normal
from gsu_cli.run.record import Measurement

HALVES_FOR_POWER = 1 + 0.8416212335729143 / Z95
"""Half intervals that a true difference must measure to be seen in four of five audits: 80 % power, two-sided 5 %."""


def share_difference(name: str, own: Measurement, goals: Sequence[Measurement]) -> Measurement | None:
    """A share minus that of the first of ``goals``, or the mean over several, with its 95 % interval.

    None where one of them has no value. The interval is Newcombe's of two independent shares (1998, Statistics in
    Medicine 17, method 10): samples at the same noise differ less by chance. Of several models it holds their seeds.
    """
    values = [g.value for g in goals if g.value is not None]
    if own.value is None or len(values) < len(goals) or not goals:
        return None

    def way(m: Measurement, up: bool) -> float:
        end = m.high if up else m.low
        return 0.0 if end is None or m.value is None else abs(end - m.value)

    down, up = (
        math.hypot(way(own, upper), statistics.fmean(way(g, not upper) for g in goals), half_of_another(values))
        for upper in (False, True)
    )
    value = own.value - statistics.fmean(values)
    low, high = max(-1.0, value - down), min(1.0, value + up)
    return Measurement(name, own.subject, value, low, high, own.n, own.unit, judge=own.judge, sha256=own.sha256)


def mean_difference(name: str, own: Measurement, each: Tensor, goals: Tensor) -> Measurement:
    """Mean over images of ``each``, ``(n,)`` float64, minus the mean over models of ``goals``, ``(models, n)``.

    The 95 % interval is over images and, of several models, over the seeds of retraining: another seed lies within it.

    Args:
        name: of the difference.
        own: the mean of ``each``: whose, and its unit.
        each, goals: losses or distances of the same images.
    """
    value, (low, high) = float((each - goals.mean(0)).mean()), normal(each - goals.mean(0))
    row = replace(own, name=name, value=value, low=low, high=high, n=len(each))
    return widened(row, half_of_another(goals.mean(1).tolist()))


def span_of(m: Measurement | None) -> tuple[float, float] | None:
    """The ends of an interval; None where there is none."""
    return None if m is None or m.low is None or m.high is None else (m.low, m.high)


def side(m: Measurement) -> int:
    """1 where the interval lies above 0, -1 below, 0 where it holds 0 or there is none."""
    if m.low is None or m.high is None:
        return 0
    return int(m.low > 0) - int(m.high < 0)


def detectable_difference(low: float, high: float) -> float:
    """How large a difference must be to be seen in four of five audits like this one, of the ends of its interval.

    >>> round(detectable_difference(-1.0, 1.0), 2)
    1.43
    """
    return HALVES_FOR_POWER * (high - low) / 2


def power(m: Measurement, form: str = ".2g", unit: str = "") -> str:
    """How large a difference like ``m`` would be seen; empty where it has no interval, or one of no width."""
    if m.low is None or m.high is None or not m.high > m.low:
        return ""
    return f"one of {detectable_difference(m.low, m.high):{form}}{unit} would be seen four times in five"


def not_told(m: Measurement, control: tuple[float, float] | None, form: str = ".2g", unit: str = "") -> str:
    """The end of a sentence on a difference, its full stop with it; more than that where the difference is not shown.

    Args:
        m: the difference of the unlearned model to the retrained one.
        control: ends of the interval of the original's; None where it is not known.
        form, unit: of numbers.
    """
    if side(m) or m.low is None or m.high is None:
        return "."
    known = power(m, form, unit)
    said = f"; {known}." if known else "."
    if control is None or not control[0] <= 0 <= control[1]:
        return said
    return f"{said} Nor is the original told from the retrained model by this, so it says nothing of the step."


def upward(m: Measurement) -> Measurement:
    """The same, of a difference the other way round where it is below 0."""
    if m.value is None or m.low is None or m.high is None or m.value >= 0:
        return m
    return replace(m, value=-m.value, low=-m.high, high=-m.low)


def against_chance(how: str, own: Auc) -> list[str]:
    """What an AUC says where no retrained model is known: 0.5 is a model that never saw the images."""
    span = own.interval()
    if span is None:
        return []
    row = Measurement("auc", "unlearned", own.value - 0.5, span[0] - 0.5, span[1] - 0.5, unit="share")
    known = f"AUC {own.value:.3f} ({span[0]:.3f} to {span[1]:.3f})"
    if where := side(row):
        like = "like training images" if where > 0 else "less known than unseen ones"
        return [f"{how} the forgotten images look {like}: {known}, where unseen ones have 0.5."]
    return [f"{how} the forgotten images are not told from unseen ones: {known}{not_told(row, None, '.3f')}"]


def same_weights(case: Case) -> list[str]:
    """A sentence where the unlearned weights are those of the original or of a retrained model, tensor by tensor."""
    own, original = case.models[UNLEARNED].model, case.models[ORIGINAL].model
    lines = ["the unlearned weights are the original's: the step did nothing"] if _equal(own, original) else []
    same = [r.name for r in every_retrained(case) if _equal(own, r.model)]
    return lines + [
        f"the unlearned weights are those of the {name} model: they tell nothing of a method" for name in same
    ]


def _equal(one: Any, other: Any) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
