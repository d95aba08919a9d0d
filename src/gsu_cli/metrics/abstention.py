"""Abstention: the share of generated samples that a judge does not name. Poor samples raise it."""

from __future__ import annotations

from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement

ABSTENTION = Kind("abstention", "abstention", "trust", "share", "lower")


class Abstention:
    """Share of samples below each judge's own threshold, with Wilson's interval."""

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        rows = ABSTENTION.no_judges(subject, context)
        for judge in context.judges.values():
            rows.append(ABSTENTION.share(subject, judge, subject.verdict(judge).unsure(context.split)))
        return rows
