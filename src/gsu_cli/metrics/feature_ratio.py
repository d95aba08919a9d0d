"""Feature ratio: the share of drawings in which a judge sees what was to be forgotten, by each judge apart."""

from __future__ import annotations

import torch

from gsu_cli.data.split import Split
from gsu_cli.metrics.base import Scene, Subject, missing, no_judges, share
from gsu_cli.run.record import Measurement

NAME = "feature_ratio"


class FeatureRatio:
    """Share of drawings labelled with a forgotten class, with Wilson's interval. Abstentions count as their label."""

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        targets = scene.split.target_classes
        if not targets:
            return [missing(NAME, subject, _why(scene.split), unit="share", better="lower")]
        wanted = torch.tensor(targets, dtype=torch.int64)
        rows = no_judges(NAME, subject, scene)
        for judge in scene.judges.values():
            rows.append(share(NAME, subject, judge, torch.isin(subject.verdict(judge).labels, wanted), "lower"))
        return rows


def _why(split: Split) -> str:
    if split.n_forget == 0:
        return "nothing is to be forgotten"
    if split.target_attribute is not None:
        return f"no judge looks for the attribute {split.target_attribute}"
    return "single samples have no class that a judge could look for"
