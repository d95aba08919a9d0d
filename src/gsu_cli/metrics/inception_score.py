"""Inception score by a judge: exp E KL(p(y|x) | p(y)). Source: Salimans et al. 2016, arXiv 1606.03498.

It rewards confident, varied samples and knows nothing of real data; forgetting one of ten classes lowers its ceiling.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.checks import as_int
from gsu_cli.evaluation.intervals import Z95, quantile95
from gsu_cli.evaluation.real_images import some
from gsu_cli.metrics.base import NO_IMAGES, EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.few_images import SO_FEW
from gsu_cli.run.record import Measurement

SCORE = Kind("inception_score", "inception score", "quality", "", "higher")
TOLD = 0.01  # of the score
FEW = 100  # images of a part
LEAST_PART = 10  # images; parts of one or two all score 1, and would make an interval of no width


def inception_score(probabilities: Tensor) -> float:
    """Score of class probabilities ``(n, classes)``: between 1 and the number of classes.

    Of attributes, ``(n, k, 2)``, the divergences add up as if they were independent: between 1 and 2 to the k.

    >>> round(inception_score(torch.eye(4).repeat(5, 1)), 6)
    4.0
    """
    return float(divergences(probabilities).mean().exp())


def divergences(probabilities: Tensor) -> Tensor:
    """Of each image's from the marginal, ``(n,)`` nats: to first order what the image adds to the log of the score."""
    p = probabilities.double().clamp(min=1e-12)
    marginal = p.mean(0, keepdim=True)
    return (p * (p.log() - marginal.log())).flatten(1).sum(1)


def shortfall(probabilities: Tensor) -> float:
    """By what share the score of so few images is too low, to first order: their own mean stands for the marginal's.

    >>> round(shortfall(torch.eye(4).repeat(5, 1)), 6)  # (classes - 1) / 2n
    0.075
    """
    p = probabilities.double().clamp(min=1e-12)
    return float((p.var(0, correction=0) / p.mean(0)).sum()) / (2 * len(p))


def of_few(probabilities: Tensor) -> str:
    """By how much the score is too low, in words, where that is 1 % or more; else empty."""
    short = shortfall(probabilities)
    return f"of {len(probabilities):,} images, {SO_FEW} low by about {short:.0%}" if short >= TOLD else ""


class InceptionScore:
    """Score of all samples by the first judge with features.

    The interval is from ``splits`` equal parts (Student's, of their mean), and where a part has fewer than 100 images
    no narrower than that of the mean divergence: scores of so few differ less than they should, and held 81 to 91 %.

    No interval is given where a part would hold fewer than 10 images. A score of few images is too low: by how much is
    said from 1 % on.

    Args:
        splits: parts; the field's habit is 10, 1 gives no interval.
    """

    of_real_images = True

    def __init__(self, splits: int = 10) -> None:
        self.splits = as_int("metric.inception_score.splits", splits)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        judge = context.feature_judge()
        if judge is None:
            return [SCORE.missing(subject, context.no_features())]
        if len(subject.pixels) == 0:
            return [SCORE.missing(subject, NO_IMAGES, judge=judge)]
        p = judge.probabilities(subject.features(judge))
        value, n = inception_score(p), len(p)
        low, high = self._interval(value, p[some(n, subject, context.seed).to(p.device)])
        return [SCORE.of(subject, value, low, high, n, judge=judge, detail=of_few(p))]

    def _interval(self, value: float, p: Tensor) -> tuple[float, float] | tuple[None, None]:
        if self.splits == 1 or len(p) < LEAST_PART * self.splits:
            return None, None
        parts = torch.tensor([inception_score(part) for part in p.tensor_split(self.splits)], dtype=torch.float64)
        half = quantile95(self.splits) * parts.std().item() / self.splits**0.5
        if len(p) < FEW * self.splits:
            half = max(half, Z95 * value * divergences(p).std().item() / len(p) ** 0.5)
        most = float(p.shape[1] if p.dim() == 2 else 2 ** p.shape[1])  # that a score can be
        return max(1.0, value - half), max(value, min(most, value + half))
