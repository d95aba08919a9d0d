"""On and with what runs were computed: numbers are equal bit by bit for the same of both, and seconds compare there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gsu_cli.report.keys import natural
from gsu_cli.report.memo import memoised
from gsu_cli.run.provenance import CODE
from gsu_cli.run.record import Record

MOST = 4  # devices that are named


@memoised
def computed_on(record: Record) -> str:
    """As "cuda (NVIDIA H200, tf32)" or "cpu (2 threads)"; empty where the record does not say.

    Threads are of a CPU, where they decide how long a run takes and in what order it adds up.
    """
    facts = record.device
    if not facts.get("type"):
        return ""
    threads, processes = facts.get("threads") or 0, facts.get("processes") or 1
    about = [
        str(facts.get("model") or ""),
        f"{threads} thread{'s' * (threads != 1)}" * (facts["type"] == "cpu" and bool(threads)),
        f"{processes} processes" * (processes > 1),
        "tf32" * bool(facts.get("tf32")),
        str(facts.get("autocast") or ""),
    ]
    words = ", ".join(filter(None, about))
    return f"{facts['type']} ({words})" if words else str(facts["type"])


def of_several(records: Sequence[Record]) -> list[str]:
    """Footnotes on runs that were computed on several devices, or with several versions of a package."""
    return [*mixed_devices(records), *mixed_packages(records)]


def mixed_devices(records: Sequence[Record]) -> list[str]:
    """A footnote where runs that ended well were computed on several devices; empty where on one, or nobody knows."""
    found = sorted({on for record in records if record.status == "done" and (on := computed_on(record))}, key=natural)
    if len(found) < 2:
        return []
    named = "; ".join(found[:MOST]) + f"; and {len(found) - MOST} more" * (len(found) > MOST)
    return [f"runs were computed on {named}: seconds do not compare, and other numbers need not agree bit by bit"]


def mixed_packages(records: Sequence[Record]) -> list[str]:
    """A footnote where runs that ended well were made with several versions of a package; empty where with one."""
    used = (pair for record in records if record.status == "done" for pair in record.versions.items())
    found = several(pair for pair in used if not pair[1].startswith(CODE))  # of one's own: other rows
    named = [f"{name} ({', '.join(versions)})" for name, versions in found.items()]
    return [f"runs were made with several versions of {'; '.join(named)}"] if named else []


def several(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names that stand beside several values, in the order in which they first appear, each with its values sorted.

    >>> several([("torch", "2.14"), ("numpy", "2.4"), ("torch", "2.13")])
    {'torch': ['2.13', '2.14']}
    """
    values: dict[str, set[str]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    return {name: sorted(found, key=natural) for name, found in values.items() if len(found) > 1}
