"""KID: the unbiased squared maximum mean discrepancy under the kernel (x.y / d + 1)^3, by torch-fidelity.

Source: Binkowski et al. 2018, arXiv 1801.01401. Unlike FID it is unbiased for any number of images, and may fall below
zero. Opt in with ``metric=[default,kid]``; needs gsu-cli[fidelity].
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.checks import as_int
from gsu_cli.evaluation.fidelity import fidelity
from gsu_cli.evaluation.intervals import quantile95
from gsu_cli.evaluation.spaces import Features, FeatureSpace
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import derive

NAME = "kid"
KID = Kind(NAME, "KID", "quality", "", "lower")
BLOCKS = 10  # disjoint parts behind the interval
LEAST = 10 * BLOCKS


class Kid:
    """Mean over random subsets of equally many generated and real retain images, as published.

    The interval is value +- 2.26 standard errors over ten disjoint parts (Student's quantile); parts are noisier than
    subsets, so it is rather too wide. The floor is the "data" row.

    Args:
        features: "judge" (the first with features) or "inception" (slow on a CPU).
        samples: generated images and real ones, at most.
        subsets: of which the mean is taken.
        subset_size: images of each, at most; the field's is 1,000.
        weights_path: pytorch-fid's Inception weights; None downloads them.
        batch_size: images a forward pass of Inception.

    Raises:
        UsageError: an option is out of range, or torch-fidelity is not installed.
    """

    of_real_images = True

    def __init__(
        self,
        features: Features = "judge",
        samples: int = 2000,
        subsets: int = 100,
        subset_size: int = 1000,
        weights_path: str | None = None,
        batch_size: int = 64,
    ) -> None:
        self.space = FeatureSpace(NAME, features, samples, weights_path, batch_size)
        self.subsets = as_int("metric.kid.subsets", subsets)
        self.subset_size = as_int("metric.kid.subset_size", subset_size, least=2)
        self.fidelity = fidelity("metric_kid", NAME)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        judge = self.space.judge(context)
        if why := self.space.why_not(subject, context, LEAST):
            return [KID.missing(subject, why, judge=judge)]
        own, real = self.space.points(subject, context)
        value = self._kid(own, real, self.subsets, self.subset_size, derive(context.seed, NAME))
        parts = zip(own.tensor_split(BLOCKS), real.tensor_split(BLOCKS), strict=True)
        each = torch.tensor([self._kid(a, b, 1, len(a), 0) for a, b in parts], dtype=torch.float64)
        half = quantile95(BLOCKS) * each.std().item() / BLOCKS**0.5
        return [KID.of(subject, value, value - half, value + half, len(own), judge=judge)]

    def _kid(self, own: Tensor, real: Tensor, subsets: int, size: int, seed: int) -> float:
        found = self.fidelity.kid_features_to_metric(
            own, real, kid_subsets=subsets, kid_subset_size=min(size, len(own)), rng_seed=seed % 2**32, verbose=False
        )
        return float(found[self.fidelity.KEY_METRIC_KID_MEAN])
