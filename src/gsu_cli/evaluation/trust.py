"""How far a judge may be trusted: right on held-out real images, right on generated ones, how often it abstains."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gsu_cli.data.split import Split
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.evaluation.kind import Kind
from gsu_cli.evaluation.real_images import real_images
from gsu_cli.judges.base import AttributeVerdict, Judge, Verdict
from gsu_cli.run.record import Measurement

ACCURACY = Kind("judge_accuracy", "accuracy", "trust", "share", "higher", "record")
BALANCED = Kind("judge_balanced_accuracy", "balanced accuracy", "trust", "share", "higher", "record")
RECALL = Kind("judge_recall", "recall", "trust", "share", "higher", "record")
ALARMS = Kind("judge_false_alarms", "false alarms", "trust", "share", "lower", "record")
UNSURE = Kind("abstention", "abstention", "trust", "share", "lower", "record")


def trust_report(
    judge: Judge, split: Split, generated: Tensor | None, subject: EvaluatedModel, *, real: EvaluatedModel | None = None
) -> dict[str, Measurement | None]:
    """Accuracy with Wilson's interval on real and on reconstructed held-out images, and abstention on samples.

    Of a judge of attributes it is the accuracy on the one that is forgotten. Where few images have an attribute, never
    seeing it would be right on most, so ``recall`` (the share that is seen among reconstructions of images that have
    it) and ``false_alarms`` (among those that do not) stand beside it; of any judge, ``recall_real`` and
    ``false_alarms_real`` are the same on real images. Of a judge of classes ``balanced`` is the accuracy on real
    images, the mean over classes.

    Args:
        judge: who is checked.
        split: whose held-out images, which no judge was trained on, are the truth.
        generated: their reconstructions by the model under test, uint8, of which it is known what they show though they
            are generated; None for a model without a posterior.
        subject: generated images on which abstention is counted.
        real: the held-out images as a subject, where they have been or will be judged (see `heldout_images`).
    """
    heldout = split.dataset.heldout
    real = real_images(heldout) if real is None else real

    def accuracy(verdict: Verdict | AttributeVerdict, of: EvaluatedModel) -> Measurement:
        return ACCURACY.share(of, judge, verdict.right(heldout, split))

    again = None if generated is None else EvaluatedModel(subject.name, generated, subject.model, subject.sha256)
    report: dict[str, Measurement | None] = {
        "real": accuracy(real.verdict(judge), real),
        "reconstructions": None if again is None else accuracy(again.verdict(judge), again),
        "abstention": UNSURE.share(subject, judge, subject.verdict(judge).unsure(split)),
    }
    said = real.verdict(judge)
    if isinstance(said, Verdict):
        report["balanced"] = _balanced(said.labels, heldout.labels, real, judge)
    if (seen := said.shows(split)) is not None:
        report["recall_real"] = RECALL.share(real, judge, seen[split.heldout_forget])
        report["false_alarms_real"] = ALARMS.share(real, judge, seen[split.heldout_retain])
    if again is not None and isinstance(verdict := again.verdict(judge), AttributeVerdict):
        shown = verdict.shows(split)
        if shown is not None:
            report["recall"] = RECALL.share(again, judge, shown[split.heldout_forget])
            report["false_alarms"] = ALARMS.share(again, judge, shown[split.heldout_retain])
    return report


def _balanced(said: Tensor, truth: Tensor, real: EvaluatedModel, judge: Judge) -> Measurement:
    """The mean over classes of the share named rightly, its interval made of Wilson's of each; null for no images."""
    if not len(truth):
        return BALANCED.share(real, judge, truth.bool())
    right = [(said[truth == c] == c).double() for c in torch.unique(truth)]
    shares = [r.mean().item() for r in right]
    ends = [wilson(int(r.sum()), len(r)) for r in right]
    mean = torch.tensor(shares, dtype=torch.float64).mean().item()
    down = math.hypot(*(share - low for share, (low, _) in zip(shares, ends, strict=True))) / len(right)
    up = math.hypot(*(high - share for share, (_, high) in zip(shares, ends, strict=True))) / len(right)
    return BALANCED.of(real, mean, max(0.0, mean - down), min(1.0, mean + up), len(truth), judge=judge)
