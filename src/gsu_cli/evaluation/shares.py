"""Shares of images in which judges see what is to be forgotten."""

from __future__ import annotations

from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.kind import Kind
from gsu_cli.run.record import Measurement


def shares(kind: Kind, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
    """The share in which what is forgotten shows, by each judge."""
    rows = kind.no_judges(subject, context)
    for judge in context.judges.values():
        hits = subject.verdict(judge).shows(context.split)
        if hits is None:
            reason = f"judge {context.called(judge.name)} does not look for {context.split.words}"
            rows.append(kind.missing(subject, reason, judge=judge))
        else:
            rows.append(kind.share(subject, judge, hits))
    return rows
