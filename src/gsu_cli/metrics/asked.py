"""What a conditional model generates when it is asked for what was to be forgotten, for something else, or for nothing.

The feature ratio itself is of conditions as often as training met them: a mixture. It falls to nothing when the
forgotten condition alone is broken, whatever the others generate. So each way of asking has a ratio of its own. Real
images have none: nobody asked for them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.checks import as_int
from gsu_cli.errors import NonFiniteError
from gsu_cli.evaluation.samples import asked_conditions, generate_samples
from gsu_cli.evaluation.shares import shares
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.models.conditions import NULL, conditions_of
from gsu_cli.run.record import Measurement

FORGOTTEN = Kind("feature_ratio_asked_forgotten", "asked for it", "forgetting", "share", "lower")
OTHERS = Kind("feature_ratio_asked_others", "asked for others", "reach", "share", "lower")
NOTHING = Kind("feature_ratio_asked_nothing", "asked for nothing", "reach", "share", "lower")


class Asked:
    """Share of generated images that show what is forgotten, by what was asked for, each with Wilson's interval.

    ``feature_ratio_asked_forgotten``: the forgotten classes, in turn. ``feature_ratio_asked_others``: of the samples
    of the mixture those that were asked for a retained class. ``feature_ratio_asked_nothing``: the null condition,
    where training hid some conditions. The noise is the same for every subject. Unconditional models have no such row.

    Args:
        samples: generated images for the forgotten classes, and as many for the null condition, at most those of a run.

    Raises:
        UsageError: ``samples`` is no integer >= 2.
    """

    def __init__(self, samples: int = 1000) -> None:
        self.samples = as_int("metric.asked.samples", samples, least=2)

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        model, targets = subject.model, context.split.target_classes
        if not conditions_of(model) or not targets:
            return []
        n = min(self.samples, len(subject.pixels))
        turns = torch.tensor(targets)[torch.arange(n) % len(targets)]
        rows = self._asked(FORGOTTEN, f"asked for {context.split.words}", subject, context, turns)
        others = ~torch.isin(asked_conditions(model, len(subject.pixels), context.seed), torch.tensor(targets))
        index = others.nonzero()[:, 0]
        part = EvaluatedModel(subject.name, subject.pixels[index], model, subject.sha256, part_of=(subject, index))
        rows += shares(OTHERS, part, context)
        return rows + self._nothing(subject, context, n)

    def _nothing(self, subject: EvaluatedModel, context: EvaluationContext, n: int) -> list[Measurement]:
        """Where training hid some conditions; of a class that does not say whether it did, why there is none."""
        if (drop := getattr(subject.model, "drop", None)) is None:
            why = f"{type(subject.model).__name__} has no drop, the share of training images whose class was hidden"
            return [NOTHING.missing(subject, why)]
        return self._asked(NOTHING, "asked for no class", subject, context, torch.full((n,), NULL)) if drop else []

    def _asked(
        self, kind: Kind, words: str, subject: EvaluatedModel, context: EvaluationContext, condition: Tensor
    ) -> list[Measurement]:
        try:
            pixels = generate_samples(subject.model, len(condition), context.seed, condition)
        except NonFiniteError as e:
            return [kind.missing(subject, str(e).rstrip("."))]
        subject.views[words] = EvaluatedModel(subject.name, pixels, subject.model, subject.sha256)
        return shares(kind, subject.views[words], context)
