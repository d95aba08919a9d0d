"""Feature spaces in which sets of images are compared: a judge's, or Inception's."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from gsu_cli.checks import as_choice, as_int
from gsu_cli.evaluation import cached
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.inception import Inception
from gsu_cli.evaluation.real_images import some
from gsu_cli.run.seeds import generator

FEATURES = ("judge", "inception")
Features = Literal["judge", "inception"]


class FeatureSpace:
    """Where generated and real retain images become points, equally many of both.

    Args:
        metric: that asks, for messages.
        features: "judge": of the first judge that has some; "inception": pytorch-fid's.
        samples: generated images, and real ones, at most.
        weights_path, batch_size: of Inception.

    Raises:
        UsageError: an option is out of range.
        CheckpointError: there is no such file.
    """

    def __init__(
        self, metric: str, features: Features, samples: int, weights_path: str | None, batch_size: int
    ) -> None:
        self.metric, self.features = metric, as_choice(f"metric.{metric}.features", features, FEATURES)
        self.samples = as_int(f"metric.{metric}.samples", samples, least=2)
        self.inception = Inception(metric, weights_path, batch_size)

    def judge(self, context: EvaluationContext) -> str | None:
        """The name of the judge whose features count; None for Inception, or where there is none."""
        judge = context.feature_judge() if self.features == "judge" else None
        return None if judge is None else judge.name

    def why_not(self, subject: EvaluatedModel, context: EvaluationContext, least: int) -> str:
        """Why there are no points to compare; empty where there are at least ``least`` of both."""
        if self.features == "judge" and context.feature_judge() is None:
            return context.no_features()
        few = self.count(subject, context)
        return f"it needs at least {least} images, found {few}" if few < least else ""

    def count(self, subject: EvaluatedModel, context: EvaluationContext) -> int:
        """Images of each of the two sets."""
        return min(self.samples, len(subject.pixels), context.split.n_retain)

    def points(self, subject: EvaluatedModel, context: EvaluationContext) -> tuple[Tensor, Tensor]:
        """Features of generated and of real retain images, each ``(n, d)`` float64."""
        n, judge = self.count(subject, context), context.feature_judge() if self.features == "judge" else None
        key = f"points/{self.metric}/{self.features}/{n}"
        if key not in context.cache:
            index = context.split.retain
            order = torch.randperm(len(index), generator=generator(context.seed, self.metric, "reference"))[:n]
            pixels = context.split.dataset.train.pixels[index[order]]
            context.cache[key] = (
                self.inception.features(pixels) if judge is None else cached.features(judge, pixels, recur=True)
            )
        own = (
            self.inception.of(subject, n, context)
            if judge is None
            else subject.features(judge)[some(n, subject, context.seed)]
        )
        return own.double().cpu(), context.cache[key].double().cpu()
