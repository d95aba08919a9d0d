"""Which files `gsu report` may replace: those that it wrote itself and nobody has changed since.

Their sha256 stand in ``.gsu-report.json`` beside them. Any other file of a name that is to be written may be
somebody's only copy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsu_cli.errors import UsageError
from gsu_cli.run.files import sha256_of, write_text

NOTE = ".gsu-report.json"


@dataclass(frozen=True)
class Planned:
    """A file of a report: where it is to lie, and what writes it there."""

    path: Path
    write: Callable[[Path], None]


def check(planned: Sequence[Planned]) -> None:
    """Refuses a report if one of its files may not be replaced.

    Raises:
        UsageError: a file of that name is there that gsu did not write, or that was changed since.
    """
    strange = [p.path for p in planned if os.path.lexists(p.path) and not _is_ours(p.path)]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise UsageError(
            "a report must replace no file but those that gsu wrote and nobody changed",
            found=f"{strange[0]}{more}",
            way_out="Name another place with output=, or type replace=true",
        )


def write(planned: Sequence[Planned], *, note: bool) -> list[Path]:
    """Writes the files in their order; their paths.

    Args:
        planned: see `check`.
        note: remember that they are gsu's; needless in a folder that was made for them.
    """
    for one in planned:
        one.write(one.path)
        if note:
            _note(one.path)
    return [one.path for one in planned]


def _is_ours(path: Path) -> bool:
    return path.is_file() and _noted(path.parent).get(path.name) == sha256_of(path)


def _noted(folder: Path) -> dict[str, str]:
    """Names and sha256 of what reports have written into the folder."""
    try:
        found = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _note(path: Path) -> None:
    noted = _noted(path.parent) | {path.name: sha256_of(path)}
    write_text(path.parent / NOTE, json.dumps(dict(sorted(noted.items())), indent=1) + "\n")
