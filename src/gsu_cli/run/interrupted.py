"""Cells whose processes ended with the line that had started them, and could not say so themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from gsu_cli.errors import GsuError
from gsu_cli.run.record import FILE, read_record, write_record


def ends_its_cells(words: Sequence[str]) -> bool:
    """Whether the line's launcher kills what it has started, as that of joblib does; jobs of submitit work on.

    >>> ends_its_cells(["seed=1,2", "hydra/launcher=joblib"]), ends_its_cells(["hydra/launcher=submitit_local"])
    (True, False)
    """
    return any(word.lstrip("+") == "hydra/launcher=joblib" for word in words)


def note_interrupted(sweep: Path) -> None:
    """Records below ``sweep`` that say "running", of processes that were killed, say "interrupted"."""
    for path in sorted(sweep.rglob(FILE)):
        with contextlib.suppress(GsuError, OSError):
            record = read_record(path.parent)
            if record.status == "running":
                record.status, record.error = "interrupted", "KeyboardInterrupt: with its sweep"
                write_record(path.parent, record)
