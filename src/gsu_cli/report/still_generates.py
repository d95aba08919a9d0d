"""Other ways in which a model still generates what it seems to have forgotten.

A claim rests on samples as the model usually gives them. Of a conditional model these are a mixture, whose ratio falls
when the forgotten condition is renamed, zeroed or scrambled, though a word was lost and no knowledge. Measurements of
the role ``reach`` ask otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from gsu_cli.report.numbers import change
from gsu_cli.report.roles import claim
from gsu_cli.run.record import Measurement, Record

HALF = 0.5  # of what there was before, which must be left


def reached(record: Record, judges: Iterable[str]) -> list[str]:
    """The ways that are open by one of ``judges``, in words; empty where none is or none was measured."""
    judges, found = list(judges), []
    for name in dict.fromkeys(m.name for m in record.measurements if m.role == "reach"):
        for judge in judges:
            before, after, reference = (record.find(name, who, judge) for who in ("original", "unlearned", "retrained"))
            if before is None or after is None or not _open(record, before, after, reference):
                continue
            was = [f"{before.value:.1%} before"]
            was += (
                [f"{reference.value:.1%} by retraining"]
                if reference is not None and reference.value is not None
                else []
            )
            by = record.judge_label(judge)
            found.append(f"{after.label or name} {after.value:.1%} ({', '.join(was)}; {by} judge)")
            break
    return found


def _open(record: Record, before: Measurement, after: Measurement, reference: Measurement | None) -> bool:
    """Whether the model, asked so, shows it more often than real images without it and than the retrained model.

    With the whole interval; more than half as often as before, and at least half as often as the original's samples.
    """
    if before.value is None or after.value is None or after.low is None:
        return False
    floor, usual = claim(record, "data", after.judge), claim(record, "original", after.judge)
    if any(m is not None and m.high is not None and after.low <= m.high for m in (reference, floor)):
        return False
    if usual is not None and usual.value is not None and after.value < HALF * usual.value:
        return False
    moved = change(before, after)
    return moved is None or moved.value > HALF - 1
