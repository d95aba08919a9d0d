"""What a metric says of each of its numbers: the one place where measurements are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import normal, wilson
from gsu_cli.judges.base import Judge
from gsu_cli.run.record import Measurement, Place, Role

NO_IMAGES = "there are no images to judge"


Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Kind:
    """What a metric says of each of its numbers, whoever they describe. Tables, pictures and headlines go by it alone.

    Attributes:
        name: of the measurement.
        label: its head in tables and pictures; the name where empty.
        role, unit, better, place, ruined_at: as in a `Measurement`.
    """

    name: str
    label: str = ""
    role: Role | None = None
    unit: str = ""
    better: Better | None = None
    place: Place = "table"
    ruined_at: float | None = None

    def of(
        self,
        subject: EvaluatedModel,
        value: float | None,
        low: float | None = None,
        high: float | None = None,
        n: int = 0,
        *,
        judge: Judge | str | None = None,
        change: tuple[float, float] | None = None,
        reason: str | None = None,
        detail: str = "",
    ) -> Measurement:
        """A number of ``subject`` with its interval, the images that it rests on, and perhaps that of its change."""
        change_low, change_high = change or (None, None)
        by = judge if judge is None or isinstance(judge, str) else judge.name
        return Measurement(
            self.name, subject.name, value, low, high, n, self.unit, self.better, by, subject.sha256, reason,
            change_low, change_high, self.role, self.label, self.place, self.ruined_at, detail,
        )  # fmt: skip

    def missing(self, subject: EvaluatedModel, reason: str, *, judge: Judge | str | None = None) -> Measurement:
        """A number that could not be computed: null, with the reason."""
        return self.of(subject, None, reason=reason, judge=judge)

    def mean(
        self,
        subject: EvaluatedModel,
        values: Tensor,
        *,
        judge: Judge | str | None = None,
        least: float = -math.inf,
        change: tuple[float, float] | None = None,
        images: Tensor | None = None,
    ) -> Measurement:
        """The mean of ``values``, ``(n,)`` float64, with its normal interval; of one value without.

        Args:
            subject: whose values.
            values: at least one.
            judge: who decided, or in whose features.
            least: below which no mean can lie.
            change: interval of the change from the original, where images were paired.
            images: of each value the place of its image, where several are of one.

        Raises:
            ValueError: ``values`` are no floats of one dimension, whose n the interval would rest on.
        """
        if values.ndim != 1 or not values.is_floating_point():
            found = f"{tuple(values.shape)} of {str(values.dtype).removeprefix('torch.')}"
            raise ValueError(f"{self.name}: a mean is of floats, one an image, (n,), not {found}")
        low, high = normal(values, least, images=images)
        return self.of(subject, values.mean().item(), low, high, len(values), judge=judge, change=change)

    def share(self, subject: EvaluatedModel, judge: Judge, hits: Tensor, detail: str = "") -> Measurement:
        """The share of true entries of ``hits``, ``(n,)`` bool, with Wilson's interval; null for no images."""
        found, n = int(hits.sum()), len(hits)
        if n == 0:
            return self.missing(subject, NO_IMAGES, judge=judge)
        return self.of(subject, found / n, *wilson(found, n), n, judge=judge, detail=detail)

    def no_judges(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        """A null for each judge that could not be prepared, or one null where none was chosen."""
        if not context.judges and not context.unavailable:
            return [self.missing(subject, "no judge was chosen")]
        return [self.missing(subject, why, judge=judge) for judge, why in context.unavailable.items()]
