"""Retained shift: how far samples move that had nothing to forget, at the same latents."""

from __future__ import annotations

import torch

from gsu_cli.evaluation.samples import pixel_distance
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement

SHIFT = Kind("retained_shift", "retained shift", "cost", "grey levels", "lower")
FEATURES = Kind("retained_shift_features", "retained shift, features", "cost", "spreads", "lower")


class RetainedShift:
    """Root mean square difference, in levels of 0..255, between original and unlearned sample.

    Only latents count at which no judge saw in the original what is to be forgotten. A second row has the same in the
    features of the first judge that has some, relative to their spread over those samples of the original. The
    retrained model has other latents, so nothing to compare.
    """

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        before = context.original
        if before is None or subject.name != "unlearned":
            return []
        seen = [before.verdict(judge).shows(context.split) for judge in context.judges.values()]
        hits = [found for found in seen if found is not None]
        if not hits:
            return [SHIFT.missing(subject, "no judge looks for what is forgotten")]
        spared = (~torch.stack(hits).any(0)).nonzero()[:, 0]
        if not len(spared):
            reason = "a judge saw what is to be forgotten in every sample"
            return [SHIFT.missing(subject, reason)]
        rows = [SHIFT.mean(subject, pixel_distance(before.pixels, subject.pixels, spared), least=0.0)]
        judge = context.feature_judge()
        if judge is not None:
            a, b = before.features(judge)[spared].double(), subject.features(judge)[spared].double()
            spread = (a - a.mean(0)).square().sum(1).mean().sqrt()
            if spread > 0:
                moved = (a - b).square().sum(1).sqrt() / spread
                rows.append(FEATURES.mean(subject, moved, judge=judge, least=0.0))
            else:
                reason = "the original's samples have no spread of features"
                rows.append(FEATURES.missing(subject, reason, judge=judge))
        return rows
