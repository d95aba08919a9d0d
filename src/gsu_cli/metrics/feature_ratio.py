"""Feature ratio: the share of images in which a judge sees what was to be forgotten, by each judge apart."""

from __future__ import annotations

from gsu_cli.data.split import Split
from gsu_cli.errors import NonFiniteError
from gsu_cli.metrics.base import Scene, Subject, missing, no_judges, reconstructions, share
from gsu_cli.models.model import reconstructs
from gsu_cli.run.record import Measurement

NAME = "feature_ratio"


class FeatureRatio:
    """Share of drawings that show what is forgotten, with Wilson's interval. Abstentions count as their label."""

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        return _rows(NAME, subject, scene)


class ReconstructionRatio:
    """The same for reconstructions of held-out images that show it: prior samples could be spared, the images not."""

    name = "feature_ratio_reconstructions"

    def __call__(self, subject: Subject, scene: Scene) -> list[Measurement]:
        if subject.model is None:
            return []
        images = scene.split.heldout_forget_images
        if not len(images):
            reason = f"no held-out image shows {scene.split.words}"
            return [missing(self.name, subject, reason, unit="share", better="lower")]
        if not reconstructs(subject.model):
            reason = f"{type(subject.model).__name__} has no posterior to reconstruct from"
            return [missing(self.name, subject, reason, unit="share", better="lower")]
        try:
            drawn = reconstructions(subject.model, images)
        except NonFiniteError as e:
            return [missing(self.name, subject, str(e).rstrip("."), unit="share", better="lower")]
        return _rows(self.name, Subject(subject.name, drawn, subject.model, subject.sha256), scene)


def _rows(name: str, subject: Subject, scene: Scene) -> list[Measurement]:
    split = scene.split
    if not split.target_classes and split.target_attribute is None:
        return [missing(name, subject, _why(split), unit="share", better="lower")]
    rows = no_judges(name, subject, scene)
    for judge in scene.judges.values():
        hits = subject.verdict(judge).shows(split)
        if hits is None:
            reason = f"judge {judge.name} does not look for {split.words}"
            rows.append(missing(name, subject, reason, unit="share", better="lower", judge=judge.name))
        else:
            rows.append(share(name, subject, judge, hits, "lower"))
    return rows


def _why(split: Split) -> str:
    if split.n_forget == 0:
        return "nothing is to be forgotten"
    return "single samples have no class that a judge could look for"
