"""On and with what runs were computed: numbers are equal bit by bit for the same of both, and seconds compare there."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.report.keys import natural
from gsu_cli.report.once import once
from gsu_cli.run.provenance import CODE
from gsu_cli.run.record import Record

MOST = 4  # devices that are named


@once
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
    values: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.versions.items() if record.status == "done" else ():
            if not version.startswith(CODE):  # of one's own code: runs by another are other rows
                values.setdefault(name, set()).add(version)
    named = [f"{name} ({', '.join(sorted(found, key=natural))})" for name, found in values.items() if len(found) > 1]
    return [f"runs were made with several versions of {'; '.join(named)}"] if named else []
