"""A full disk, as one sentence: that of the results, or the one that what is printed was sent to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gsu_cli.cli.streams import NO_ROOM, stdout_is_full
from gsu_cli.errors import OutputError
from gsu_cli.run.folder_words import elsewhere


def as_full_disk(error: BaseException) -> OutputError | None:
    """The sentence for an error of writing where there is no room; None for any other error.

    Python does not say of which file it was when an open one could not be written: then it is the run's folder, unless
    that has room and standard output has none.
    """
    # libraries written in Rust or C++ (safetensors, torch) report it as text in exceptions of their own
    if "No space left on device" not in str(error) and getattr(error, "errno", None) not in NO_ROOM:
        return None
    named = getattr(error, "filename", None)
    place = Path(str(named)) if named else _folder_of_the_run()
    if not named and stdout_is_full() and not (place and _is_full(place)):
        return OutputError(
            "the disk must have room for what is printed",
            found="none left at standard output",
            way_out="Free space or send it elsewhere",
        )
    return OutputError(
        "the disk must have room for the results",
        found=f"none left at {place or 'the output folder'}",
        way_out=f"Free space{f' or {elsewhere(place)}' if place else ''}",
    )


def _folder_of_the_run() -> Path | None:
    folders = sys.modules.get("gsu_cli.run.folders")  # absent where nothing was to be written
    claimed = folders.last_claim() if folders is not None else None
    return claimed.path if claimed is not None else None


def _is_full(folder: Path) -> bool:
    there = next((path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()), None)
    return there is not None and os.statvfs(there).f_bavail == 0
