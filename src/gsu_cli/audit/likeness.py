"""How far the model's samples lie from the retrained model's, measured by the two models themselves; no judge is asked.

    L_B(A) = mean loss under model B of samples of model A        (a bound on their NLL for VAEs and diffusion models)
    gap    = (L_B(A) - L_B(B)) + (L_A(B) - L_A(A))

The gap is the symmetric excess, an estimate of the Jeffreys divergence as far as the losses bound the NLL. Its floor is
the gap between two retrained models of different seeds, which needs ``references=1``. Conditional models are all asked
for the same classes, and the losses are those of the samples given what was asked for.
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import replace

from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, RETRAINED, UNLEARNED, Audited, Case, Result, ends, mean, null
from gsu_cli.audit.differences import not_told, side, upward
from gsu_cli.audit.other_seeds import half_of_another
from gsu_cli.audit.plotted import dots
from gsu_cli.checks import as_int
from gsu_cli.data.base import Images
from gsu_cli.models.protocols import loss_unit
from gsu_cli.run.record import Measurement
from gsu_cli.run.signed import signed


class Likeness:
    """The gap to the retrained model's samples, of the original, the unlearned and further retrained models.

    Args:
        samples: of each model, at noise that is the same for all.

    Raises:
        UsageError: ``samples`` is no integer of at least 2.
    """

    def __init__(self, samples: int = 1000) -> None:
        self.samples = as_int("audit.likeness.samples", samples, 2)

    def __call__(self, case: Case) -> Result:
        goal = case.models.get(RETRAINED)
        unit = loss_unit(case.models[ORIGINAL].model)
        if goal is None:
            return Result([null("gap_to_retrained", case.models[UNLEARNED], "there is no retrained model", unit)])
        audited = [case.models[ORIGINAL], case.models[UNLEARNED], *case.references]
        samples = {a.sha256: case.samples(a.model, self.samples) for a in [goal, *audited]}
        gaps = {a.name: _gap(case, a, goal, samples) for a in audited}
        found = [_row("gap_to_retrained", a, gaps[a.name]) for a in audited]
        plotted = dots("distance of samples to the retrained model's", unit, {"gap": found})
        change = _row("gap_change", case.models[UNLEARNED], gaps[UNLEARNED] - gaps[ORIGINAL])
        return Result([*found, change], sentences=_said(found, change), dots=plotted)


def _row(name: str, a: Audited, gap: Tensor) -> Measurement:
    return replace(mean(name, a, gap, loss_unit(a.model)), n=2 * len(gap))  # samples, of the two models


def _gap(case: Case, a: Audited, b: Audited, samples: dict[str, Images]) -> Tensor:
    """The four losses of each place: samples of the two at the same noise."""
    of = {
        (model.sha256, source.sha256): case.losses_of(model.model, samples[source.sha256], "likeness")
        for model, source in itertools.product((a, b), repeat=2)
    }
    x, y = a.sha256, b.sha256
    return (of[y, x] - of[y, y]) + (of[x, y] - of[x, x])


def _said(found: list[Measurement], change: Measurement) -> list[str]:
    by, unit = {m.subject: m for m in found}, change.unit
    now, then = by[UNLEARNED], by[ORIGINAL]
    line = (
        f"Samples lie {now.value:.4g}{ends(now)} {unit} from the retrained model's, {then.value:.4g}{ends(then)} before"
    )
    others = [m for m in found if m.subject not in (ORIGINAL, UNLEARNED)]
    if len(others) == 1:
        line += f"; those of another retrained model lie {others[0].value:.4g}{ends(others[0])} away, the floor"
    elif others:
        values = [m.value for m in others if m.value is not None]
        line += f"; those of {len(others)} others lie {min(values):.4g} to {max(values):.4g} away, the floor"
    return [f"{line}. {_verdict(change)}{_beyond(now, others)}"]


def _verdict(change: Measurement) -> str:
    """Whether the step brought them closer: at the same noise before and after."""
    if where := side(change):
        amount = f"{abs(change.value or 0.0):.4g}{ends(upward(change))} {change.unit}"
        return f"The step brought them {amount} {'closer' if where < 0 else 'farther away'}."
    amount = f"{signed(change.value, '.4g')}{ends(change)} {change.unit}"
    return f"They are not shown to have come closer: {amount}{not_told(change, None, unit=f' {change.unit}')}"


def _beyond(now: Measurement, others: list[Measurement]) -> str:
    """Whether they lie farther than those of another seed of retraining, where several say how far that is."""
    values = [m.value for m in others if m.value is not None]
    if len(values) < 2 or now.value is None or now.low is None or now.high is None:
        return ""
    half = math.hypot((now.high - now.low) / 2, half_of_another(values))
    value = now.value - statistics.fmean(values)
    row = replace(now, value=value, low=value - half, high=value + half)
    if side(row) > 0:
        return f" They lie farther away than another retrained model's, by {value:.4g}{ends(row)} {now.unit}."
    if side(row) < 0:
        return f" They lie closer than another retrained model's, by {-value:.4g}{ends(upward(row))} {now.unit}."
    return (
        f" They are not shown to lie farther than another retrained model's{not_told(row, None, unit=f' {now.unit}')}"
    )
