"""Whether a record that reads is one that tables can rest on: foreign hands and older versions write records, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gsu_cli.errors import GsuError
from gsu_cli.report.validate_facts import flaws_of_facts, is_int, is_number, is_text
from gsu_cli.run.record import COPY, STATUSES, Measurement, Record

SECTIONS = ("dataset", "checkpoint", "method", "forget", "protocol")  # mappings of a config that tables look into
NUMBERS = ("step_norm", "relative_norm", "cosine", "surviving_share")  # of an update


def validated(record: Record, path: Path) -> Record:
    """The record itself.

    Raises:
        GsuError: a field that tables read is not of the kind that gsu writes; the message says which.
    """
    flaw = next(_flaws(record), None)
    if flaw is not None:
        raise GsuError(f"{path} must be a record as gsu writes it", found=flaw, way_out=COPY)
    return record


def _flaws(r: Record) -> Iterator[str]:
    yield from _flaws_of_line(r)
    yield from _flaws_of_sections(r)
    yield from flaws_of_facts(r)
    yield from _flaws_of_update(r)
    yield from _flaws_of_transitions(r)
    yield from _flaws_of_judges(r)
    for m in r.measurements:
        yield from flaws_of_measurement(m)
    yield from _flaws_of_curve(r)


def _flaws_of_line(r: Record) -> Iterator[str]:
    """What was typed, and how it ended."""
    if not all(isinstance(word, str) for word in r.command):
        yield "a `command` that is no list of words"
    error: object = r.error  # whatever the types promise
    if error is not None and not isinstance(error, str):
        yield "an `error` that is no text"
    if r.status not in STATUSES:
        yield f"a `status` that is none of {', '.join(STATUSES)}"
    if not all(isinstance(note, str) for note in r.notes):
        yield "a note that is no text"


def _flaws_of_sections(r: Record) -> Iterator[str]:
    """Mappings, and what they hold."""
    for name in SECTIONS:
        if not isinstance(r.config.get(name) or {}, Mapping):
            yield f"a `config.{name}` that is no mapping"
    for name, fits in (("seeds", is_int), ("seconds", is_number), ("versions", is_text)):
        if not all(map(fits, getattr(r, name).values())):
            yield f"a value in `{name}` that is none"
    for name in ("inputs", "outputs"):
        if not all(isinstance(value, Mapping) for value in getattr(r, name).values()):
            yield f"a value in `{name}` that is no mapping"
    if r.split and not isinstance(r.split.get("forget"), str):
        yield "a `split` that does not say what is forgotten"


def _flaws_of_judges(r: Record) -> Iterator[str]:
    if not all(isinstance(judge, Mapping) and isinstance(judge.get("name"), str) for judge in r.judges):
        yield "a judge without a name"
    elif not all(isinstance(judge.get("trust") or {}, Mapping) for judge in r.judges):
        yield "a judge whose `trust` is no mapping"


DIFFERENCES = ("_minus_", "_since_the_step")
"""In names of what an audit takes from another number of the same unit: a share less a share may be below 0."""


def flaws_of_measurement(m: Measurement) -> Iterator[str]:
    """What no measurement can be, in words; nothing of a whole one."""
    held = (m.value, m.low, m.high, m.change_low, m.change_high, m.ruined_at)
    numbers = all(v is None or is_number(v) for v in held)
    words = all(isinstance(v, str) for v in (m.name, m.subject, m.unit, m.label, m.detail))
    words = words and isinstance(m.judge, str | None)
    if not numbers or not words or not is_int(m.n) or m.better not in (None, "lower", "higher"):
        yield f"a measurement that is none, {m.name!r}"
    if (m.low is None) != (m.high is None) or (m.change_low is None) != (m.change_high is None):
        yield f"half an interval around {m.name!r}"
    if numbers and is_int(m.n) and not _can_be(m):
        yield f"a measurement that cannot be, {m.name!r}"


def _can_be(m: Measurement) -> bool:
    """Whether its numbers go together: a count, ends in order, shares within [0, 1] and their differences [-1, 1]."""
    least = -1 if any(word in m.name for word in DIFFERENCES) else 0
    share = m.unit != "share" or m.value is None or least <= m.value <= 1
    in_order = all(
        low is None or high is None or low <= high for low, high in ((m.low, m.high), (m.change_low, m.change_high))
    )
    return m.n >= 0 and share and in_order


def _flaws_of_curve(r: Record) -> Iterator[str]:
    if not all(map(_is_point, r.curve)):
        yield "a point of the `curve` that is none"


def _is_point(entry: Mapping[str, Any]) -> bool:
    """A point without a strength is one whose budget none keeps."""
    try:
        found = [Measurement(**m) for m in entry["measurements"]]
        numbers = is_number(entry["budget"]) and (entry["strength"] is None or is_number(entry["strength"]))
        return numbers and isinstance(entry["option"], str) and all(map(_can_be, found))
    except (KeyError, TypeError, ValueError):
        return False


def _flaws_of_transitions(r: Record) -> Iterator[str]:
    judged, moved = (r.transitions.get(name) or {} for name in ("judged", "moved"))
    if not isinstance(judged, Mapping) or not all(isinstance(found, Mapping) for found in judged.values()):
        yield "a `transitions.judged` that is no mapping of mappings"
    else:
        for found in judged.values():
            rows = found.get("counts") or {}
            if not isinstance(rows, Mapping) or not all(_is_counts(row) for row in rows.values()):
                yield "a `transitions.judged` whose counts are none"
            if not is_number(found.get("others_gain") or 0.0):
                yield "an `others_gain` that is no number"
    if not isinstance(moved, Mapping) or not is_number(moved.get("between_neighbours", 0.0)):
        yield "a `transitions.moved` without the distance between neighbours"


def _is_counts(row: object) -> bool:
    return isinstance(row, Mapping) and all(map(is_int, row.values()))


def _flaws_of_update(r: Record) -> Iterator[str]:
    if r.update and not isinstance(r.update.get("method"), str):
        yield "an `update` without its method"
    for name in ("details", "predicted", "realised"):
        if not isinstance(r.update.get(name) or {}, Mapping):
            yield f"an `update.{name}` that is no mapping"
    for name in NUMBERS:
        if not is_number(r.update.get(name) or 0.0):
            yield f"an `update.{name}` that is no number"
    for name in ("predicted", "realised"):
        if not all(map(is_number, (r.update.get(name) or {}).values())):
            yield f"a value in `update.{name}` that is no number"
