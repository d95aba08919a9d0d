"""What one retrained model does not say: how far those of other seeds lie from it.

Retraining has a seed, and the loss of what was forgotten rests on it: over the ten digits of MNIST a second seed lies a
seventh of the rise away in the mean (docs/results/digits/table.md). So a model that differs from one retrained model by
as much need not differ from retraining.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from gsu_cli.audit.attack import Auc
from gsu_cli.audit.base import RETRAINED, Audited, Case, share
from gsu_cli.evaluation.intervals import quantile95, welch
from gsu_cli.run.record import Measurement


def every_retrained(case: Case) -> list[Audited]:
    """The retrained model and the references, which are of other seeds; none where there is no retrained model."""
    return [case.models[RETRAINED], *case.references] if RETRAINED in case.models else []


def half_of_another(values: Sequence[float]) -> float:
    """Half the 95 % interval, around the mean of retrained models' values, in which that of another seed lies.

    Student's prediction interval; 0 of one value, which says nothing of others.

    >>> half_of_another([1.0]), round(half_of_another([0.9, 1.0, 1.1]), 3)
    (0.0, 0.497)
    """
    n = len(values)
    return quantile95(n) * statistics.stdev(values) * math.sqrt(1 + 1 / n) if n > 1 else 0.0


def half_of_means(one: Sequence[float], other: Sequence[float]) -> float:
    """Half the 95 % interval of a difference of the means of models of two kinds, two or more of each.

    The wider of Welch's, and Student's with one spread for both. Of two models beside ten alike ones Welch's holds
    90 %, and Student's 87 % where the two spread half as far again; the wider holds 95 % of both.
    """
    n, m = len(one), len(other)
    own, its = statistics.variance(one), statistics.variance(other)
    pooled = ((n - 1) * own + (m - 1) * its) / (n + m - 2)
    return max(welch(own, n, its, m), quantile95(n + m - 1) * math.sqrt(pooled * (1 / n + 1 / m)))


def widened(row: Measurement, seeds: float) -> Measurement:
    """A number whose interval is over images, with one over images and seeds, ``seeds`` being half that over these."""
    if row.value is None or row.low is None or row.high is None:
        return row
    down, up = math.hypot(row.value - row.low, seeds), math.hypot(row.high - row.value, seeds)
    return replace(row, low=row.value - down, high=row.value + up)


def beside(models: int) -> str:
    """What is added to a claim that rests on so many retrained models."""
    return "" if models > 1 else " beside this one retrained model; references=3 tells of other seeds"


def auc_words(own: Auc, retrained: Sequence[Auc], difference: float) -> str:
    """What a sentence says of an AUC, of the mean of the retrained models', and of the difference of these two.

    The table beside it has the AUC of the first, too, so of several the sentence says of how many the mean is.
    """
    mean = statistics.fmean(auc.value for auc in retrained)
    of = f" in the mean of {len(retrained)} models" if len(retrained) > 1 else ""
    return f"AUC {own.value:.3f}, retrained {mean:.3f}{of}, difference {difference:.3f}"


def mean_of_retrained(name: str, audited: Audited, retrained: Sequence[Auc], n: int) -> list[Measurement]:
    """The mean AUC of several retrained models, beside that of the first; none of one.

    Its interval is that in which the AUC of another seed lies, with the one over images.
    """
    if len(retrained) < 2:
        return []
    values = [auc.value for auc in retrained]
    value, seeds = statistics.fmean(values), half_of_another(values)
    spans = [span for auc in retrained if (span := auc.interval()) is not None]
    if len(spans) < len(values):
        return [share(f"{name}_mean_retrained", audited, value, None, n)]
    down = value - statistics.fmean(low for low, _ in spans)
    up = statistics.fmean(high for _, high in spans) - value
    ends = max(0.0, value - math.hypot(down, seeds)), min(1.0, value + math.hypot(up, seeds))
    return [share(f"{name}_mean_retrained", audited, value, ends, n)]


def minus_retrained(own: Auc, retrained: Sequence[Auc]) -> tuple[float, float, float] | None:
    """An AUC minus the mean of retrained models' AUCs of the same images, with its 95 % interval.

    None of too few images. The interval is over images and, of several models, over the seeds of retraining.
    """
    gaps = [gap for other in retrained if (gap := own.minus(other)) is not None]
    if not gaps:
        return None
    value = statistics.fmean(gap[0] for gap in gaps)
    down, up = (statistics.fmean(abs(gap[0] - gap[end]) for gap in gaps) for end in (1, 2))
    seeds = half_of_another([other.value for other in retrained])
    return value, max(-1.0, value - math.hypot(down, seeds)), min(1.0, value + math.hypot(up, seeds))
