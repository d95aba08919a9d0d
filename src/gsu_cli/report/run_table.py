"""The closing table of a run: what was forgotten, by how much, what it cost, how far from retraining."""

from __future__ import annotations

from dataclasses import dataclass

from gsu_cli.report.details import bare
from gsu_cli.report.numbers import Change, Shift, digits, is_nats, moved
from gsu_cli.report.roles import titles
from gsu_cli.run.record import Measurement, Record

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

    def is_measured(self) -> bool:
        """Whether there is a number of any model."""
        return any(m is not None and m.value is not None for m in self.cells.values())

    def verdict(self) -> str:
        """The words "good", "bad" or "" by the direction of the change; within the intervals counts as neither.

        Not so for a held-out loss: its interval is the spread between images, which both subjects share with their
        noise, so far smaller changes than the interval are real. There the interval of the change decides, where it is
        known.
        """
        a, b = self.cells.get("original"), self.cells.get("unlearned")
        if self.change is None or self.better is None or a is None or b is None or not self.change.value:
            return ""
        if str(self.change) == "0.0%":
            return ""
        if b.change_low is not None and b.change_high is not None and b.change_low <= 0 <= b.change_high:
            return ""
        paired = b.change_low is not None or is_nats(a.unit)
        if not paired and None not in (a.low, a.high, b.low, b.high) and a.low <= b.high and b.low <= a.high:  # type: ignore[operator]
            return ""
        return "good" if (self.change.value < 0) == (self.better == "lower") else "bad"


def rows(record: Record, *, every_place: bool = False) -> list[Row]:
    """Rows in order of first appearance in the record; ``every_place`` with those that a closing table leaves out."""
    places = ("lead", "table", "aside") if every_place else ("lead", "table")
    kept = [m for m in record.measurements if m.place in places]
    called = titles(kept, record)
    seen: dict[tuple[str, str | None], dict[str, Measurement | None]] = {}
    for m in kept:
        seen.setdefault((m.name, m.judge), {})[m.subject] = m
    found = []
    for pair, cells in seen.items():
        unit = next((m.unit for m in cells.values() if m is not None and m.unit not in ("", "share")), "")
        better = next((m.better for m in cells.values() if m is not None and m.better), None)
        title = f"{called[pair]} ({unit})" if unit else called[pair]
        found.append(Row(title, cells, moved(cells.get("original"), cells.get("unlearned")), better))
    return found


def unmeasured(record: Record) -> dict[str, list[str]]:
    """Reason -> titles of the rows that have no number of any model, for that reason."""
    empty: dict[str, list[str]] = {}
    for row in rows(record):
        reasons = list(dict.fromkeys(m.reason for m in row.cells.values() if m is not None and m.reason))
        if reasons and not row.is_measured():
            empty.setdefault(reasons[0], []).append(row.title)
    return empty


def subjects(record: Record) -> list[str]:
    """Subjects that were measured, in the order of the columns."""
    present = {m.subject for m in record.measurements}
    return [s for s in SUBJECTS if s in present]


def markdown(record: Record) -> str:
    """The table as Markdown, with intervals and reasons."""
    columns = subjects(record)
    with_change = {"original", "unlearned"} <= set(columns)
    head = ["", *[HEADS[s] for s in columns], *(["change"] if with_change else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    gaps: dict[str, dict[str, None]] = {}  # reason -> titles of the rows with a number that is missing for it
    for row in rows(record):
        cells = [digits(row.cells.get(s), interval=True) for s in columns]
        if with_change:
            span = row.change.interval() if row.change else ""
            cells.append(f"{row.change}{f' ({span})' if span else ''}" if row.change else "-")
        lines.append("| " + " | ".join([row.title, *cells]) + " |")
        for m in row.cells.values():
            if m is not None and m.reason:
                gaps.setdefault(m.reason, {})[row.title] = None
    notes = [f"- {', '.join(empty)}: not measured, {bare(why)}" for why, empty in gaps.items()]
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"
