"""An unlearned model against retrained ones that were treated alike: numbers and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gsu_cli.audit.base import ORIGINAL, UNLEARNED, Case, ends
from gsu_cli.audit.differences import mean_difference, not_told, share_difference, side, span_of, upward
from gsu_cli.audit.other_seeds import beside, every_retrained
from gsu_cli.run.record import Measurement
from gsu_cli.run.signed import signed

SHARE = "share"
Key = tuple[str, str | None]
"""Of a quantity: its name and its judge."""


@dataclass(frozen=True)
class MeasuredModel:
    """What was measured of a model.

    Attributes:
        rows: by quantity: shares of samples, and the mean of ``each``.
        each: of each forgotten image, the lower the better known: a loss or a distance, ``(n,)`` float64.
    """

    rows: Mapping[Key, Measurement]
    each: Tensor


@dataclass(frozen=True)
class RetrainedDifference:
    """The unlearned model's difference to retrained ones, the original's, and what became of it meanwhile.

    Attributes:
        row: the difference to the retrained model, or to the mean of several; None where there is none.
        control: the ends of the interval of the original's.
        since: the change since it was looked at before, where it was.
        retrained: models that ``row`` rests on.
    """

    row: Measurement | None
    control: tuple[float, float] | None
    since: Measurement | None
    retrained: int

    def rows(self) -> list[Measurement]:
        """What is kept of it."""
        return [m for m in (self.row, self.since) if m is not None]

    def said(self, returns: bool = False) -> str:
        """Sentences that begin with a blank; on what came back too, where ``returns``."""
        return ("" if self.row is None else self._compared(self.row)) + (self._came_back() if returns else "")

    def _compared(self, of: Measurement) -> str:
        row, unit, form = _scaled(of)
        more, share = side(row), of.unit == SHARE
        amount = f"by {abs(row.value or 0.0):{form}}{ends(upward(row), form)}{unit}"
        what = ("more often", "less often") if share else ("higher", "lower")
        goal = "the retrained model" if self.retrained < 2 else f"the mean of {self.retrained} retrained models"
        if more:
            so = ("under" if (more > 0) == share else "over") + f"-forgotten{beside(self.retrained)}"
            return f" That is {what[more < 0]} than in {goal}, {amount}: {so}."
        line = f" That is not shown to be {what[0]} or {what[1]} than in {goal}: "
        return f"{line}{signed(row.value, form)}{ends(row, form)}{unit}{not_told(row, self.control, '.2g', unit)}"

    def _came_back(self) -> str:
        if self.since is None or self.since.value is None:
            return ""
        share, (since, unit, form) = self.since.unit == SHARE, _scaled(self.since)
        back = side(since) * (1 if share else -1)
        amount = f"{signed(since.value, form)}{ends(since, form)}{unit}"
        if back > 0:
            return f" It came back by itself since the step: {amount}."
        if back < 0:
            return f" It {'fell' if share else 'rose'} further since the step: {amount}."
        return f" It is not shown to come back by itself: {amount}{not_told(since, None, '.2g', unit)}"


def differences_from_retrained(
    case: Case, last: Mapping[str, MeasuredModel], first: MeasuredModel | None = None
) -> dict[Key, RetrainedDifference]:
    """By quantity; what there is nothing to compare with is left out.

    Args:
        case: of the audit.
        last: by model, references among them.
        first: the unlearned model before, where it changed.
    """
    goals = [last[r.name] for r in every_retrained(case)]
    found: dict[Key, RetrainedDifference] = {}
    for key in last[UNLEARNED].rows:
        row, before = (_minus(f"{key[0]}_minus_retrained", key, last[m], goals) for m in (UNLEARNED, ORIGINAL))
        since = None if first is None else _minus(f"{key[0]}_since_the_step", key, last[UNLEARNED], [first])
        found[key] = RetrainedDifference(row, span_of(before), since, len(goals))
    return found


def _minus(name: str, key: Key, own: MeasuredModel, goals: Sequence[MeasuredModel]) -> Measurement | None:
    rows = [m for g in goals if (m := g.rows.get(key)) is not None]
    if key not in own.rows or not rows or len(rows) < len(goals):
        return None
    if own.rows[key].unit == SHARE:
        return share_difference(name, own.rows[key], rows)
    return mean_difference(name, own.rows[key], own.each, torch.stack([g.each for g in goals]))


def _scaled(m: Measurement) -> tuple[Measurement, str, str]:
    """The number as people read it, shares in points, with its unit and the form of digits."""
    if m.unit != SHARE:
        return m, f" {m.unit}", ".4g"
    value, low, high = (None if x is None else 100 * x for x in (m.value, m.low, m.high))
    return replace(m, value=value, low=low, high=high), " points", ".1f"
