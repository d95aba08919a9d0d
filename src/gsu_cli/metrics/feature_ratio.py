"""Feature ratio: the share of drawings in which a judge sees what was to be forgotten, by each judge apart."""

from __future__ import annotations

import torch

from gsu_cli.metrics.base import Scene, Subject, missing, wilson
from gsu_cli.run.record import Measurement

NAME = "feature_ratio"


class FeatureRatio:
    """Share of drawings labelled with a forgotten class, with Wilson's interval. Abstentions count as their label."""

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        targets = scene.split.target_classes
        common = {"unit": "share", "better": "lower"}
        if targets is None:
            return [missing(NAME, subject, "single samples have no class that a judge could look for", **common)]
        rows = [missing(NAME, subject, why, judge=name, **common) for name, why in scene.unavailable.items()]
        for judge in scene.judges.values():
            labels = subject.verdict(judge).labels
            hits, n = int(torch.isin(labels, torch.tensor(targets)).sum()), len(labels)
            low, high = wilson(hits, n)
            rows.append(
                Measurement(NAME, subject.name, hits / n, low, high, n, "share", "lower", judge.name, subject.sha256)
            )
        return rows
