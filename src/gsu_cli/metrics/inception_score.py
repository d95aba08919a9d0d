"""Inception score by the CNN judge: exp E KL(p(y|x) | p(y)). Source: Salimans et al. 2016, arXiv 1606.03498.

It rewards confident, varied drawings and knows nothing of real data; forgetting one of ten classes lowers its ceiling.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.metrics.base import Z95, Scene, Subject, missing
from gsu_cli.run.record import Measurement

NAME = "inception_score"


def inception_score(probabilities: Tensor) -> float:
    """Score of class probabilities ``(n, classes)``: between 1 and the number of classes.

    >>> round(inception_score(torch.eye(4).repeat(5, 1)), 6)
    4.0
    """
    p = probabilities.double().clamp(min=1e-12)
    marginal = p.mean(0, keepdim=True)
    return float((p * (p.log() - marginal.log())).sum(1).mean().exp())


class InceptionScore:
    """Score of all drawings; interval from ``splits`` equal parts (1.96 standard errors of their mean).

    Args:
        splits: parts; the field's habit is 10.
    """

    def __init__(self, splits: int = 10) -> None:
        self.splits = splits

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        judge = scene.feature_judge()
        if judge is None:
            reason = scene.unavailable.get("cnn", "no judge with probabilities was chosen")
            return [missing(NAME, subject, reason, unit="", better="higher")]
        p = judge.probabilities(subject.pixels)
        value = inception_score(p)
        parts = torch.tensor([inception_score(part) for part in p.chunk(self.splits)], dtype=torch.float64)
        half = Z95 * parts.std().item() / len(parts) ** 0.5 if len(parts) > 1 else 0.0
        return [
            Measurement(
                NAME, subject.name, value, value - half, value + half, len(p), "", "higher", judge.name, subject.sha256
            )
        ]
