"""Processes of a sweep that were killed: by the system, which lacked memory, by a scheduler, or by somebody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gsu_cli.errors import ProcessError
from gsu_cli.run.interrupted import note_lost

RULE = "the processes of a sweep must live until its cells are done"
OF_JOBLIB = ("TerminatedWorkerError", "BrokenProcessPool")
OF_SUBMITIT = "UncompletedJobError"
SIGNALS = re.compile(r"\b(SIG[A-Z]+)\b")
JOB = re.compile(r"Job (\S+) .*?path (\S.*)_result\.pkl")
LESS = "Where memory was short, let fewer run at a time, and type the cells again that failed"


@dataclass(frozen=True)
class LostWorker:
    """A process that ended before its cell.

    Attributes:
        error: the sentence.
        job: as submitit calls it; empty for joblib, which ends all others with it.
    """

    error: ProcessError
    job: str = ""

    def note(self, sweep: Path) -> None:
        """Lets the records of the cells that ended with it say so."""
        note_lost(sweep, str(self.error), self.job)


def lost_worker(error: BaseException) -> LostWorker | None:
    """What is behind an error of a launcher; None for any other error.

    The classes are known by name, since both packages are optional.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & set(OF_JOBLIB):
        signal = SIGNALS.search(str(error))
        found = f"one that was killed ({signal[1]})" if signal else "one that was killed"
        return LostWorker(ProcessError(RULE, found=f"{found}, and joblib ended the others", way_out=LESS))
    if OF_SUBMITIT in kinds:
        job = JOB.search(str(error))
        if job is None:
            return LostWorker(ProcessError(RULE, found="a job of submitit without a result", way_out=LESS), "?")
        log = f"Look at {job[2]}_log.err, and whether others of its jobs are still at work"
        return LostWorker(ProcessError(RULE, found=f"job {job[1]}, which was killed", way_out=log), job[1])
    return None
