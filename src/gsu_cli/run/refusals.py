"""What is left of a line that was refused: nothing, since the sentence on the terminal says all that a record would.

A line is refused where it ends before anything was computed: for what was typed, or for data and weights that are not
there or damaged. What fails later keeps its record, and so does a sweep of which one cell ran.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from gsu_cli.errors import CheckpointError, DataError, GsuError, UsageError
from gsu_cli.run.folders import Claim
from gsu_cli.run.record import FILE, Record, read_record

NOTES = frozenset({".hydra", "gsu.log"})  # of any run, before it has made anything
IMPORTED = "imported.safetensors"  # another program's weights, as a run loaded them: a copy of what the user has
MULTIRUN = "multirun.yaml"  # Hydra's note of a sweep
LOADING = frozenset({"load", "total"})  # stages in which nothing is computed


def is_refusal(record: Record) -> bool:
    """Whether a run ended before it began, for a reason that its user can mend."""
    kind = (record.error or "").partition(":")[0]
    if record.status != "failed" or record.outputs or record.measurements:
        return False
    began = not record.seconds.keys() <= LOADING
    return kind == UsageError.__name__ or (kind in (DataError.__name__, CheckpointError.__name__) and not began)


def is_refused(folder: Path) -> bool:
    """Whether the record in ``folder`` is of a line that was refused."""
    with contextlib.suppress(GsuError):
        return is_refusal(read_record(folder))
    return False


def discard_if_unused(given: Claim, *, refused: bool = False) -> bool:
    """Remove what a run in which nothing happened has left: Hydra's notes, and the folder if the run made it.

    Returns whether it was such a run.

    Args:
        given: the run's folder.
        refused: the line was: its record says no more than the sentence on the terminal.
    """
    own = NOTES | {MULTIRUN} | ({FILE, IMPORTED} if refused else set())
    unused = FILE not in (given.before or ()) and {path.name for path in _new(given)} <= own
    if unused:
        _remove(given)
    return unused


def refused_cells(given: Claim) -> list[Record]:
    """The records of a sweep's cells where every one was refused and nothing else lies there; none otherwise."""
    files = [file for path in _new(given) for file in ([path] if path.is_file() else path.rglob("*"))]
    cells = sorted({file.parent for file in files if file.name == ".hydra"})
    own = {cell / name for cell in cells for name in (*NOTES, FILE, IMPORTED)} | {given.path / MULTIRUN}
    strange = [file for file in files if file.is_file() and file not in own and file.parent.name != ".hydra"]
    try:
        records = [read_record(cell) for cell in cells]
    except GsuError:
        return []
    return [] if strange or not all(map(is_refusal, records)) else records


def discard_cells(given: Claim) -> None:
    """Remove a sweep of which all cells were refused, see `refused_cells`."""
    _remove(given)


def _new(given: Claim) -> Iterator[Path]:
    """What lies in the folder since it was claimed."""
    before = given.before or frozenset()
    return (path for path in given.path.iterdir() if path.name not in before) if given.path.is_dir() else iter(())


def _remove(given: Claim) -> None:
    if given.before is None:
        shutil.rmtree(given.path, ignore_errors=True)
        with contextlib.suppress(OSError):  # another run lies in it by now
            for folder in given.above:
                folder.rmdir()
        return
    for path in list(_new(given)):
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()
