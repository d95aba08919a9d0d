"""Cells whose processes ended with the line that had started them, and could not say so themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from gsu_cli.errors import GsuError, ProcessError
from gsu_cli.run.record import FILE, Status, read_record, write_record


def ends_its_cells(words: Sequence[str]) -> bool:
    """Whether the line's launcher kills what it has started, as that of joblib does; jobs of submitit work on.

    >>> ends_its_cells(["seed=1,2", "hydra/launcher=joblib"]), ends_its_cells(["hydra/launcher=submitit_local"])
    (True, False)
    """
    return any(word.lstrip("+") == "hydra/launcher=joblib" for word in words)


def note_interrupted(sweep: Path) -> None:
    """Records below ``sweep`` that say "running", of processes that were killed, say "interrupted"."""
    _note(sweep, "interrupted", "KeyboardInterrupt, with its sweep")


def note_lost(sweep: Path, why: str, job: str = "") -> None:
    """Records of cells whose processes were killed say "failed".

    Args:
        sweep: its folder.
        why: what is known of it.
        job: as its launcher calls the one that was lost; empty: all that run, which ended with it.
    """
    _note(sweep, "failed", f"{ProcessError.__name__}: {why}", job)


def _note(sweep: Path, status: Status, error: str, job: str = "") -> None:
    for path in sorted(sweep.rglob(FILE)):
        with contextlib.suppress(GsuError, OSError):
            record = read_record(path.parent)
            if record.status == "running" and (not job or job == _job_of(path.parent)):
                record.status, record.error = status, error
                write_record(path.parent, record)


def _job_of(cell: Path) -> str:
    return str(OmegaConf.select(OmegaConf.load(cell / ".hydra" / "hydra.yaml"), "hydra.job.id"))
