"""Abstention: the share of generated samples that a judge would rather not name. Rubbish raises it."""

from __future__ import annotations

from gsu_cli.metrics.base import Kind, Scene, Subject
from gsu_cli.run.record import Measurement

ABSTENTION = Kind("abstention", "abstention", "trust", "share", "lower")


class Abstention:
    """Share of samples below each judge's own threshold, with Wilson's interval."""

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        rows = ABSTENTION.no_judges(subject, scene)
        for judge in scene.judges.values():
            rows.append(ABSTENTION.share(subject, judge, subject.verdict(judge).unsure(scene.split)))
        return rows
