"""Abstention: the share of drawings that a judge would rather not name. A method that draws rubbish raises it."""

from __future__ import annotations

from gsu_cli.metrics.base import Scene, Subject, no_judges, share
from gsu_cli.run.record import Measurement

NAME = "abstention"


class Abstention:
    """Share of drawings below each judge's own threshold, with Wilson's interval."""

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        rows = no_judges(NAME, subject, scene)
        for judge in scene.judges.values():
            rows.append(share(NAME, subject, judge, subject.verdict(judge).unsure(scene.split), "lower"))
        return rows
