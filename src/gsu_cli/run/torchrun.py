"""The processes that torchrun started for one line: they find each other, one speaks and writes, all end together.

Each runs the whole line. The first writes to the folder of the run; what others would write goes to a folder of their
own that is deleted. When one ends before its time the others learn of it, the first that can says so, once, and the
record of the run says "failed".
"""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from gsu_cli.errors import GsuError, ProcessError
from gsu_cli.run.record import read_record, write_record
from gsu_cli.surgery.all_gather import Exchange
from gsu_cli.surgery.ranks import Group

PATIENCE = 10.0  # seconds for which a process waits for one before it to speak
LONGEST = datetime.timedelta(hours=6)  # that one process computes, or loads, while others wait
TOLD, FOLDER = "gsu/told", "gsu/folder"


def beside() -> tuple[int, int]:
    """The place of this process among those that torchrun started on this machine, and how many they are."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


class World:
    """All processes of a line.

    Raises:
        ProcessError: they do not find each other.
    """

    def __init__(self) -> None:
        try:
            self._store, index, size = next(rendezvous("env://", timeout=LONGEST))
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
            dist.init_process_group(backend, store=self._store, rank=index, world_size=size, timeout=LONGEST)
        except (RuntimeError, ValueError) as e:
            raise ProcessError("all processes must find each other", found=str(e).splitlines()[0]) from e
        self.index, self.size, self.group = index, size, Group(Exchange())
        signal.signal(signal.SIGTERM, self._told_to_end)

    def writes_to(self, folder: Path) -> None:
        """Notes the folder of the run, for those who outlive the process that writes to it."""
        if not self.index:
            self._store.set(FOLDER, str(folder))

    def leave(self) -> None:
        """The end of a line that all went through."""
        dist.destroy_process_group()

    def last_words(self, error: BaseException, sentence: str, lines: str = "") -> str | None:
        """What this process is to say of what ended it; None where another says it.

        Args:
            error: what ended it.
            sentence: in words.
            lines: more of it, for the case that another says it.
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun has seen it, too
        lost = isinstance(error, ProcessError)
        with contextlib.suppress(RuntimeError):  # the store ends with torchrun
            self._store.set(f"gsu/words/{self.index}", "" if lost else f"{sentence}\n{lines}".strip())
            dist.destroy_process_group()  # those who wait for this one learn that it has gone
            until = time.monotonic() + PATIENCE * bool(self.index)
            while self._store.add(TOLD, 0) == 0 and time.monotonic() < until:
                time.sleep(0.05)
            if self._store.add(TOLD, 1) > 1:
                return None
            if self.index and self._store.check([FOLDER]):
                _mark_failed(Path(self._store.get(FOLDER).decode()), sentence)
            if lost and (of_another := self._words()):
                return of_another
        return sentence

    @property
    def lost(self) -> ProcessError | None:
        """What this process knows of another's end; whatever went wrong after it is of no interest."""
        return self.group.exchange.lost

    def _told_to_end(self, *_: Any) -> None:
        if self.lost is None:  # else this one is ending by itself
            self.group.exchange.lost = ProcessError.of_a_lost_one("torchrun asked this one to end")
            raise self.group.exchange.lost

    def _words(self) -> str:
        """What a process said that ended for a reason of its own."""
        until = time.monotonic() + 1
        while time.monotonic() < until:
            for other in range(self.size):
                key = f"gsu/words/{other}"
                if other != self.index and self._store.check([key]) and (said := self._store.get(key).decode()):
                    return f"process {other + 1} of {self.size}: {said}"
            time.sleep(0.05)
        return ""


def _mark_failed(folder: Path, why: str) -> None:
    """For a record whose own process can no longer write it."""
    with contextlib.suppress(GsuError, OSError):
        record = read_record(folder)
        if record.status == "running":
            record.status, record.error = "failed", why
            write_record(folder, record)
