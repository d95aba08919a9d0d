"""Feature ratio: the share of images in which a judge sees what was to be forgotten, by each judge apart."""

from __future__ import annotations

from gsu_cli.data.split import Split
from gsu_cli.errors import NonFiniteError
from gsu_cli.evaluation.heldout import NOTHING_FORGOTTEN
from gsu_cli.evaluation.samples import reconstructions
from gsu_cli.evaluation.shares import shares
from gsu_cli.metrics.base import EvaluatedModel, EvaluationContext, Kind
from gsu_cli.models.model import reconstructs
from gsu_cli.run.record import Measurement

RATIO = Kind("feature_ratio", "feature ratio", "forgetting", "share", "lower", "lead")
AGAIN = Kind("feature_ratio_reconstructions", "ratio in reconstructions", "forgetting", "share", "lower")


class FeatureRatio:
    """Share of samples that show what is forgotten, with Wilson's interval. Abstentions count as their label."""

    of_real_images = True

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        return _rows(RATIO, subject, context)


class ReconstructionRatio:
    """The same for reconstructions of held-out images that show it: prior samples could be spared, the images not."""

    def __call__(self, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
        if subject.model is None:
            return []
        images = context.split.heldout_forget_images
        if not len(images):
            reason = f"no held-out image shows {context.split.words}"
            return [AGAIN.missing(subject, reason if context.split.n_forget else NOTHING_FORGOTTEN)]
        if not reconstructs(subject.model):
            reason = f"{type(subject.model).__name__} has no posterior to reconstruct from"
            return [AGAIN.missing(subject, reason)]
        try:
            generated = reconstructions(subject.model, images)
        except NonFiniteError as e:
            return [AGAIN.missing(subject, str(e).rstrip("."))]
        return _rows(AGAIN, EvaluatedModel(subject.name, generated, subject.model, subject.sha256), context)


def _rows(kind: Kind, subject: EvaluatedModel, context: EvaluationContext) -> list[Measurement]:
    split = context.split
    if not split.target_classes and split.target_attribute is None:
        return [kind.missing(subject, _why(split))]
    return shares(kind, subject, context)


def _why(split: Split) -> str:
    if split.n_forget == 0:
        return NOTHING_FORGOTTEN
    return "single samples have no class that a judge could look for"
