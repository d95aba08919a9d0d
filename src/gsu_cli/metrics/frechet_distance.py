"""Frechet distance between generated and real *retain* images in the features of a judge.

Source: Dowson and Landau 1982 for the distance, Heusel et al. 2017 (arXiv 1706.08500) for its use on features. The
reference never holds what was to be forgotten, so forgetting itself cannot make the figure worse.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.checks import is_int
from gsu_cli.errors import UsageError
from gsu_cli.evaluation import cached
from gsu_cli.evaluation.frechet import Gaussian, against_few, frechet, of_few
from gsu_cli.evaluation.intervals import Z95
from gsu_cli.evaluation.same_count import at_same_count
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.measured_cache import cached_tensors, is_caching
from gsu_cli.run.record import Measurement
from gsu_cli.run.seeds import generator
from gsu_cli.run.tensor_files import digest

NAME = "frechet_distance"
FRECHET = Kind(NAME, "Frechet distance", "quality", "", "lower", ruined_at=4.0)


class FrechetDistance:
    """Distance to at most ``references`` real retain images in the features of the first judge that has some.

    The interval is value +- 1.96 bootstrap standard deviations (samples resampled; a percentile interval would be
    shifted upwards by the estimator's own bias). The floor is the "data" row: held-out real retain images. Of few
    images a distance is too high, so where one row is of far fewer than the other it says what as many there have.

    Args:
        references: real training images of the retain set.
        resamples: of the bootstrap; 0 gives no interval.
    """

    of_real_images = True

    def __init__(self, references: int = 10_000, resamples: int = 50) -> None:
        if not (is_int(references, 2) and is_int(resamples, 0) and resamples != 1):
            raise UsageError(
                "`metric.frechet_distance` needs integers references >= 2 and resamples >= 2, or 0 for no interval",
                found=f"references={references}, resamples={resamples}",
            )
        self.references, self.resamples = references, resamples

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        judge = context.feature_judge()
        if judge is None:
            return [FRECHET.missing(subject, context.no_features())]
        few = min(len(subject.pixels), context.split.n_retain)
        if few < 2:
            reason = f"a covariance needs at least two images, found {few}"
            return [FRECHET.missing(subject, reason, judge=judge)]
        key = f"{NAME}/{judge.name}/{self.references}"
        if key not in context.cache:
            index = context.split.retain
            order = torch.randperm(len(index), generator=generator(context.seed, NAME, "reference"))[: self.references]
            context.cache[key] = Gaussian.of(
                cached.features(judge, context.split.dataset.train.pixels[index[order]], recur=True)
            )
        reference: Gaussian = context.cache[key]
        value = frechet(Gaussian.of(features := subject.features(judge).double()), reference)
        low, high = self._interval(value, features, reference, context.seed, recur=subject.recurs)
        own = of_few(features) or at_same_count(len(features), judge, reference, subject, context)
        detail = "; ".join(filter(None, (own, against_few(reference, features))))
        return [FRECHET.of(subject, value, low, high, len(features), judge=judge, detail=detail)]

    def _interval(
        self, value: float, features: Tensor, reference: Gaussian, seed: int, *, recur: bool
    ) -> tuple[float, float] | tuple[None, None]:
        if not self.resamples:
            return None, None
        if recur and is_caching():
            both = digest({"features": features, "mean": reference.mean, "cov": reference.cov})
            resampled = {"features": both, "seed": seed, "resamples": self.resamples}
            made = cached_tensors("resamples", lambda: {"x": self._resampled(features, reference, seed)}, **resampled)
            found = made["x"]
        else:
            found = self._resampled(features, reference, seed)
        half = Z95 * found.std().item()
        return max(0.0, value - half), value + half

    def _resampled(self, features: Tensor, reference: Gaussian, seed: int) -> Tensor:
        """Distances of bootstrap samples, ``(resamples,)`` float64."""
        rng, n = generator(seed, NAME, "bootstrap"), len(features)
        counts = (torch.bincount(torch.randint(n, (n,), generator=rng), minlength=n) for _ in range(self.resamples))
        spread = [frechet(Gaussian.of(features, c), reference) for c in counts]
        return torch.tensor(spread, dtype=torch.float64)
