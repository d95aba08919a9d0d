"""What the measurements of a record are evidence of: its claim, its cost. No metric and no judge is known by name.

The claim of a run rests on the first measurement of forgetting that leads, its cost is the first of cost that does.
"""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.run.record import Measurement, Record, Role


def leading(record: Record, role: Role) -> str | None:
    """The name of the first measurement of ``role`` that leads; None where there is none."""
    return next((m.name for m in record.measurements if m.role == role and m.place == "lead"), None)


def claim(record: Record, subject: str, judge: str | None) -> Measurement | None:
    """What a judge saw of it in the samples of ``subject``."""
    name = leading(record, "forgetting")
    return None if name is None else record.find(name, subject, judge)


def claims(record: Record, subject: str | None = None) -> list[Measurement]:
    """What judges saw of it, in the samples of ``subject`` or of all, with those that could not be measured."""
    name = leading(record, "forgetting")
    return [m for m in record.measurements if m.name == name and subject in (None, m.subject)]


def asked(record: Record) -> list[str]:
    """Names of the judges that the claim was asked of, in order of appearance."""
    return list(dict.fromkeys(m.judge for m in claims(record) if m.judge))


def cost(record: Record, subject: str) -> Measurement | None:
    """What was measured of a subject as the cost of forgetting: of what ships the loss of held-out retain images."""
    name = leading(record, "cost")
    return None if name is None else record.find(name, subject)


def cost_words(record: Record) -> str:
    """What the cost of a record is called."""
    return _label(cost(record, "original") or cost(record, "unlearned"), "retain loss")


def claim_words(record: Record) -> str:
    """What is called that which a claim rests on."""
    return _label(next(iter(claims(record)), None), "forgetting")


def titles(measurements: Sequence[Measurement], record: Record) -> dict[tuple[str, str | None], str]:
    """Label of each quantity; with the judge behind a share, which is its word, and where two would be alike."""
    labels = {(m.name, m.judge): m.label or m.name for m in measurements}
    shares = {(m.name, m.judge) for m in measurements if m.unit == "share"}
    every = list(labels.values())
    found = {}
    for pair, label in labels.items():
        by = record.judge_label(pair[1])
        found[pair] = f"{label} ({by})" if by and (pair in shares or every.count(label) > 1) else label
    return found


def _label(m: Measurement | None, otherwise: str) -> str:
    return otherwise if m is None else m.label or m.name
