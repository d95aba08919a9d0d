"""What models are measured against, and what a metric is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from gsu_cli.data.base import Dataset
from gsu_cli.data.split import Split
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.judges.base import FeatureJudge, Judge
from gsu_cli.run.record import Measurement, called


@dataclass
class EvaluationContext:
    """What subjects are measured against.

    Attributes:
        split: forget, retain and held-out parts.
        judges: by name, those that could be prepared.
        unavailable: by name, why the others could not.
        seed: of the evaluation's own randomness.
        original: the samples before forgetting, for metrics that compare at the same latents; None if not known.
        retrained: the model that never saw the forgotten data, and its samples; None where none stands beside.
        heldout: all held-out images, which judges look at once; None where nobody has them yet.
        labels: by name of a judge, what tables call it.
        notes: what a metric has to say that is no number, by field of the record.
    """

    split: Split
    judges: Mapping[str, Judge]
    unavailable: Mapping[str, str]
    seed: int
    original: EvaluatedModel | None = None
    retrained: EvaluatedModel | None = None
    heldout: EvaluatedModel | None = None
    cache: dict[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def called(self, judge: str | None) -> str:
        """What a sentence calls the judge of that name."""
        return called(str(judge), self.labels.get(str(judge), str(judge)))

    def feature_judge(self) -> FeatureJudge | None:
        """The first judge that has features."""
        return next((j for j in self.judges.values() if isinstance(j, FeatureJudge)), None)

    def no_features(self) -> str:
        """Why no judge with features is there."""
        return "; ".join(self.unavailable.values()) or "no judge with features was chosen"


class Metric(Protocol):
    """One file in this folder each."""

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]: ...


@runtime_checkable
class HasFloor(Protocol):
    """A metric that is taken of real held-out retain images, too, where ``of_real_images`` says so."""

    of_real_images: bool


@runtime_checkable
class Checked(Protocol):
    """A metric with options that only the data can tell right from wrong."""

    def check(self, dataset: Dataset) -> None:
        """Called before the work.

        Raises:
            UsageError: an option does not suit ``dataset``.
        """
