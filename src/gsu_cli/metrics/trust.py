"""How far a judge may be trusted: right on held-out real images, right on generated ones, how often it abstains."""

from __future__ import annotations

from torch import Tensor

from gsu_cli.data.split import Split
from gsu_cli.judges.base import AttributeVerdict, Judge, Verdict
from gsu_cli.metrics.base import Subject, data_subject, share
from gsu_cli.run.record import Measurement


def trust_report(
    judge: Judge, split: Split, drawn: Tensor | None, subject: Subject, *, real: Subject | None = None
) -> dict[str, Measurement | None]:
    """Accuracy with Wilson's interval on real and on reconstructed held-out images, and abstention on samples.

    Of a judge of attributes it is the accuracy on the one that is forgotten. Where few images have an attribute, never
    seeing it would be right on most, so ``recall`` (the share that is seen among reconstructions of images that have
    it) and ``false_alarms`` (among those that do not) stand beside it.

    Args:
        judge: who is checked.
        split: whose held-out images, which no judge was trained on, are the truth.
        drawn: their reconstructions by the model under test, uint8, of which it is known what they show though they
            are generated; None for a model without a posterior.
        subject: drawings on which abstention is counted.
        real: the held-out images as a subject, where they have been or will be judged (see `heldout_subjects`).
    """
    heldout = split.dataset.heldout
    real = data_subject(heldout) if real is None else real

    def accuracy(verdict: Verdict | AttributeVerdict, of: Subject) -> Measurement:
        return share("judge_accuracy", of, judge, verdict.right(heldout, split), "higher")

    again = None if drawn is None else Subject(subject.name, drawn, subject.model, subject.sha256)
    report: dict[str, Measurement | None] = {
        "real": accuracy(real.verdict(judge), real),
        "reconstructions": None if again is None else accuracy(again.verdict(judge), again),
        "abstention": share("abstention", subject, judge, subject.verdict(judge).unsure(split), "lower"),
    }
    if again is not None and isinstance(verdict := again.verdict(judge), AttributeVerdict):
        shown = verdict.shows(split)
        if shown is not None:
            report["recall"] = share("judge_recall", again, judge, shown[split.heldout_forget], "higher")
            report["false_alarms"] = share("judge_false_alarms", again, judge, shown[split.heldout_retain], "lower")
    return report
