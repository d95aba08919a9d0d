"""How far a judge may be trusted: right on held-out real images, right on generated ones, how often it abstains."""

from __future__ import annotations

from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.judges.base import Judge
from gsu_cli.metrics.base import Subject, wilson
from gsu_cli.run.record import Measurement


def trust_report(
    judge: Judge, heldout: Images, drawn: Tensor | None, subject: Subject
) -> dict[str, Measurement | None]:
    """Accuracy with Wilson's interval on real and on reconstructed held-out images, and abstention on samples.

    Args:
        judge: who is checked.
        heldout: real images ``(n, ...)`` that no judge was trained on.
        drawn: their reconstructions by the model under test, uint8, whose class is known though they are generated;
            None for a model without a posterior.
        subject: drawings on which abstention is counted.
    """

    def accuracy(pixels: Tensor, of: str) -> Measurement:
        hits, n = int((judge(pixels).labels == heldout.labels).sum()), len(pixels)
        low, high = wilson(hits, n)
        return Measurement("judge_accuracy", of, hits / n, low, high, n, "share", "higher", judge.name)

    abstains = subject.verdict(judge).abstains
    low, high = wilson(int(abstains.sum()), len(abstains))
    return {
        "real": accuracy(heldout.pixels, "data"),
        "reconstructions": None if drawn is None else accuracy(drawn, subject.name),
        "abstention": Measurement(
            "abstention",
            subject.name,
            abstains.double().mean().item(),
            low,
            high,
            len(abstains),
            "share",
            "lower",
            judge.name,
        ),
    }
