"""How far a judge may be trusted: right on held-out real images, right on generated ones, how often it abstains."""

from __future__ import annotations

from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.judges.base import Judge, Verdict
from gsu_cli.metrics.base import Subject, data_subject, share
from gsu_cli.run.record import Measurement


def trust_report(
    judge: Judge, heldout: Images, drawn: Tensor | None, subject: Subject, *, real: Subject | None = None
) -> dict[str, Measurement | None]:
    """Accuracy with Wilson's interval on real and on reconstructed held-out images, and abstention on samples.

    Args:
        judge: who is checked.
        heldout: real images ``(n, ...)`` that no judge was trained on.
        drawn: their reconstructions by the model under test, uint8, whose class is known though they are generated;
            None for a model without a posterior.
        subject: drawings on which abstention is counted.
        real: the held-out images as a subject, where they have been or will be judged (see `heldout_subjects`).
    """
    real = data_subject(heldout) if real is None else real

    def accuracy(verdict: Verdict, of: Subject) -> Measurement:
        return share("judge_accuracy", of, judge, verdict.labels == heldout.labels, "higher")

    again = None if drawn is None else Subject(subject.name, drawn, subject.model, subject.sha256)
    return {
        "real": accuracy(real.verdict(judge), real),
        "reconstructions": None if again is None else accuracy(again.verdict(judge), again),
        "abstention": share("abstention", subject, judge, subject.verdict(judge).abstains, "lower"),
    }
