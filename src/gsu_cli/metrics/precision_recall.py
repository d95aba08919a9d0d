"""Precision and recall of samples: how many look real, and how much of what is real they cover; by torch-fidelity.

Source: Kynkaanniemi et al. 2019, arXiv 1904.06991. A point is covered by a set where it lies within the distance of
one of its points to that point's k-th neighbour in the set. Opt in with ``metric=[default,precision_recall]``; needs
gsu-cli[fidelity].
"""

from __future__ import annotations

from gsu_cli.checks import as_int
from gsu_cli.evaluation.fidelity import fidelity
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.evaluation.spaces import Features, FeatureSpace
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.run.record import Measurement

NAME = "precision_recall"
PRECISION = Kind("precision", "precision", "quality", "share", "higher")
RECALL = Kind("recall", "recall", "quality", "share", "higher")


class PrecisionRecall:
    """Shares of generated images among real retain ones, and of real ones among generated, with Wilson's interval.

    The interval takes the images that are looked among as given. Where they vary, too, it holds the truth in 70 to 96 %
    of simulations. Both depend on the number of images: compare figures of equal ``n`` only. Forgetting lowers no
    precision by itself, since the real images are those that stay; it costs recall where variety goes.

    Args:
        features: "judge" (the first with features) or "inception" (slow on a CPU).
        samples: generated images and real ones, at most.
        neighbours: k.
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
        neighbours: int = 3,
        weights_path: str | None = None,
        batch_size: int = 64,
    ) -> None:
        self.space = FeatureSpace(NAME, features, samples, weights_path, batch_size)
        self.neighbours = as_int("metric.precision_recall.neighbours", neighbours)
        self.fidelity = fidelity("metric_prc", NAME)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        judge = self.space.judge(context)
        if why := self.space.why_not(subject, context, self.neighbours + 1):
            return [kind.missing(subject, why, judge=judge) for kind in (PRECISION, RECALL)]
        own, real = self.space.points(subject, context)
        found = self.fidelity.prc_features_to_metric(
            own, real, prc_neighborhood=self.neighbours, prc_batch_size=10_000, save_cpu_ram=False, verbose=False
        )
        n, rows = len(own), []
        detail = "" if n >= self.space.samples else f"of {n:,} images: compare it with as many"
        for kind, key in ((PRECISION, "PRECISION"), (RECALL, "RECALL")):
            share = float(found[getattr(self.fidelity, f"KEY_METRIC_{key}")])
            hits = round(share * n)
            rows.append(kind.of(subject, hits / n, *wilson(hits, n), n, judge=judge, detail=detail))
        return rows
