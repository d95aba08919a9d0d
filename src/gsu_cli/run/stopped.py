"""A folder that holds the same line, stopped before it had made anything: it may be typed again, and loses nothing."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gsu_cli.errors import GsuError
from gsu_cli.run.record import FILE, Record, read_record
from gsu_cli.run.typed_line import without_places

NOTES = {FILE, "gsu.log", ".hydra"}  # what a line leaves that has made nothing
STATE = "state.safetensors"  # of a training that can go on
FINDINGS = "audit.json"  # of an audit, and figures beside it: made anew from the probes that are kept elsewhere


ANOTHER = "Name another folder, or name none and gsu makes a new one"


def who_lies_there(folder: Path) -> tuple[str, str]:
    """What holds ``folder``, as a refusal says it behind the folder's name, and the way out."""
    found = [record for path in sorted(folder.rglob(FILE)) if (record := _read(path)) is not None]
    alone = (folder / FILE).exists()
    if not found or (alone and len(found) > 1):
        return "", ANOTHER
    counts = Counter(record.status for record in found)
    if alone:
        said = f" with a `gsu {found[0].verb}` that says {found[0].status!r}"
    else:
        said = f" with runs that say {', '.join(f'{status!r} ({n})' for status, n in sorted(counts.items()))}"
    if "running" not in counts:
        return said, ANOTHER
    again = f"add resume={folder}" if (folder / STATE).is_file() else "remove the folder"
    return f"{said}: at work, or killed", f"If nothing is at work there, {again} and type the line again"


def _read(path: Path) -> Record | None:
    try:
        return read_record(path)
    except (GsuError, OSError):
        return None


def was_stopped(folder: Path, verb: str, words: Sequence[str]) -> bool:
    """Whether ``gsu <verb> <words>`` was interrupted there or failed, and nothing but its notes is left of it.

    An audit may have written its findings, too: they are made of the same probes again.

    A record that says "running" may be that of a line at work, so it is left alone.

    Args:
        folder: that the line names.
        verb: of the line.
        words: as typed, without those about Hydra itself.
    """
    try:
        record = read_record(folder)
        left = {path.name for path in folder.iterdir()}
    except (GsuError, OSError):
        return False
    same = (record.verb, without_places(record.command)) == (verb, ["gsu", verb, *map(shlex.quote, words)])
    made = left - NOTES
    if verb == "audit" and all(name == FINDINGS or name.endswith(".svg") for name in made):
        return same and record.status in ("interrupted", "failed")
    return same and record.status in ("interrupted", "failed") and not record.outputs and not made
