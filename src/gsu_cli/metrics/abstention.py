"""Abstention: the share of drawings that a judge would rather not name. A method that draws rubbish raises it."""

from __future__ import annotations

from gsu_cli.metrics.base import Scene, Subject, missing, wilson
from gsu_cli.run.record import Measurement

NAME = "abstention"


class Abstention:
    """Share of drawings below each judge's own threshold, with Wilson's interval."""

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        rows = [
            missing(NAME, subject, why, judge=name, unit="share", better="lower")
            for name, why in scene.unavailable.items()
        ]
        for judge in scene.judges.values():
            abstains = subject.verdict(judge).abstains
            hits, n = int(abstains.sum()), len(abstains)
            low, high = wilson(hits, n)
            rows.append(
                Measurement(NAME, subject.name, hits / n, low, high, n, "share", "lower", judge.name, subject.sha256)
            )
        return rows
