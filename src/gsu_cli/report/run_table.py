"""The closing table of a run: what was forgotten, by how much, what it cost, how far from retraining."""

from __future__ import annotations

from dataclasses import dataclass

from gsu_cli.report.numbers import Change, Shift, digits, moved
from gsu_cli.run.record import Measurement, Record

TITLES = {
    "feature_ratio": "feature ratio",
    "feature_ratio_asked_forgotten": "asked for it",
    "feature_ratio_asked_others": "asked for others",
    "feature_ratio_asked_nothing": "asked for nothing",
    "feature_ratio_relearned": "asked for it, word relearnt",
    "feature_ratio_reconstructions": "in reconstructions",
    "identity_distance": "identity, grey levels",
    "identity_distance_features": "identity, features",
    "neg_elbo_retain": "-ELBO retain",
    "neg_elbo_forget": "-ELBO forget",
    "neg_elbo_drawn": "-ELBO drawn",
    "heldout_loss_retain": "loss retain",
    "heldout_loss_forget": "loss forget",
    "frechet_distance": "Frechet distance",
    "fid": "FID (Inception)",
    "inception_score": "inception score",
    "abstention": "abstention",
    "gained": "gained",
    "retained_moved": "moved",
    "variety": "variety",
}
RECORD_ONLY = ("loss_at_noise_",)  # how the names begin of what would make the table too long
ASIDE = ("gained", "retained_moved", "variety")  # in one line below the closing table, or in a report alone
SUBJECTS = ("original", "unlearned", "retrained", "data")
HEADS = {"original": "original", "unlearned": "unlearned", "retrained": "retrained", "data": "real data"}


@dataclass(frozen=True)
class Row:
    """One quantity: its title, one cell per subject, the change from original to unlearned.

    The change is relative, or the difference itself where the original is near zero.
    """

    title: str
    cells: dict[str, Measurement | None]
    change: Change | Shift | None
    better: str | None

    def verdict(self) -> str:
        """The words "good", "bad" or "" by the direction of the change; within the intervals counts as neither.

        Not so for a held-out loss: its interval is the spread between images, which both subjects share with their
        noise, so far smaller changes than the interval are real. There the interval of the change decides, where it is
        known.
        """
        a, b = self.cells.get("original"), self.cells.get("unlearned")
        if self.change is None or self.better is None or a is None or b is None or not self.change.value:
            return ""
        if str(self.change) in ("+0.0%", "-0.0%"):
            return ""
        if b.change_low is not None and b.change_high is not None and b.change_low <= 0 <= b.change_high:
            return ""
        paired = b.change_low is not None or a.unit == "nats/image"
        if not paired and None not in (a.low, a.high, b.low, b.high) and a.low <= b.high and b.low <= a.high:  # type: ignore[operator]
            return ""
        return "good" if (self.change.value < 0) == (self.better == "lower") else "bad"


def rows(record: Record, *, whole: bool = False) -> list[Row]:
    """Rows in order of first appearance in the record; ``whole`` with those that a closing table leaves out."""
    seen: dict[tuple[str, str | None], dict[str, Measurement | None]] = {}
    for m in record.measurements:
        if m.name.startswith(RECORD_ONLY) or (not whole and m.name in ASIDE):
            continue
        seen.setdefault((m.name, m.judge), {})[m.subject] = m
    found = []
    for (name, judge), cells in seen.items():
        by = {"cnn": "CNN", "knn": "kNN", None: ""}.get(judge, judge or "")
        title = TITLES.get(name, name.removeprefix("attribute_")) + (f" ({by})" if by and _judged(name) else "")
        better = next((m.better for m in cells.values() if m is not None and m.better), None)
        found.append(Row(title, cells, moved(cells.get("original"), cells.get("unlearned")), better))
    return found


def subjects(record: Record) -> list[str]:
    """Subjects that were measured, in the order of the columns."""
    present = {m.subject for m in record.measurements}
    return [s for s in SUBJECTS if s in present]


def _judged(name: str) -> bool:
    """Whether each judge has a row of its own."""
    return name in ("abstention", "gained") or name.startswith(("feature_ratio", "attribute_"))


def markdown(record: Record) -> str:
    """The table as Markdown, with intervals and reasons."""
    columns = subjects(record)
    with_change = {"original", "unlearned"} <= set(columns)
    head = ["", *[HEADS[s] for s in columns], *(["change"] if with_change else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    notes: list[str] = []
    for row in rows(record):
        cells = [digits(row.cells.get(s), interval=True) for s in columns]
        if with_change:
            span = row.change.interval() if row.change else ""
            cells.append(f"{row.change}{f' ({span})' if span else ''}" if row.change else "-")
        lines.append("| " + " | ".join([row.title, *cells]) + " |")
        # why a cell is empty; once for all subjects that share the reason
        for m in row.cells.values():
            if m is not None and m.reason and (note := f"- {row.title}: not measured, {m.reason}") not in notes:
                notes.append(note)
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"
