"""Identity: how far drawings move that had nothing to forget, at the same latents."""

from __future__ import annotations

import torch

from gsu_cli.metrics.base import Scene, Subject, mean_of, missing, pixel_distance
from gsu_cli.run.record import Measurement

NAME = "identity_distance"
UNIT = "grey levels"


class Identity:
    """Root mean square difference, in levels of 0..255, between original and unlearned drawing.

    Only latents count at which no judge saw in the original what is to be forgotten. A second row has the same in the
    features of the first judge that has some, relative to their spread over those drawings of the original. The
    retrained model has other latents, so nothing to compare.
    """

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        before = scene.original
        if before is None or subject.name != "unlearned":
            return []
        seen = [before.verdict(judge).shows(scene.split) for judge in scene.judges.values()]
        hits = [found for found in seen if found is not None]
        if not hits:
            return [missing(NAME, subject, "no judge looks for what is forgotten", unit=UNIT, better="lower")]
        spared = (~torch.stack(hits).any(0)).nonzero()[:, 0]
        if not len(spared):
            reason = "a judge saw what is to be forgotten in every drawing"
            return [missing(NAME, subject, reason, unit=UNIT, better="lower")]
        rows = [mean_of(NAME, subject, pixel_distance(before.pixels, subject.pixels, spared), UNIT, "lower", least=0.0)]
        judge = scene.feature_judge()
        if judge is not None:
            a, b = before.features(judge)[spared].double(), subject.features(judge)[spared].double()
            spread = (a - a.mean(0)).square().sum(1).mean().sqrt()
            name, unit = f"{NAME}_features", "spreads of the features"
            if spread > 0:
                moved = (a - b).square().sum(1).sqrt() / spread
                rows.append(mean_of(name, subject, moved, unit, "lower", judge=judge.name, least=0.0))
            else:
                reason = "the original's drawings have no spread of features"
                rows.append(missing(name, subject, reason, unit=unit, better="lower", judge=judge.name))
        return rows
