"""Processes of their own that start warm: forked from the test, with all that it has imported.

For tests in which a process is killed or is one of several. Where its start is the point, `subprocess` starts it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from gsu_cli.cli import main


class Forked:
    """What runs ``work()`` in ``cwd`` and ends with the code that it returns; the words are `subprocess.Popen`'s.

    Args:
        work: returns an exit code, or None for 0.
        cwd: working directory.
        said: an empty folder, for what it prints.
    """

    def __init__(self, work: Callable[[], int | None], cwd: Path, said: Path) -> None:
        self._said = [said / f"{time.monotonic_ns()}.{name}" for name in ("out", "err")]
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_run, args=(work, cwd, self._said))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads; ours only wait
            self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = 120) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, "it still runs"
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self._process.pid or 0, number)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        self.wait(timeout)
        out, err = (path.read_text(encoding="utf-8") for path in self._said)
        return out, err

    @property
    def returncode(self) -> int | None:
        return self.poll()


def line(*words: str, cwd: Path, said: Path) -> Forked:
    """``gsu WORDS``, without data of this machine."""

    def work() -> int:
        os.environ["GSU_DATA_DIR"] = str(cwd / "no data here")
        return main(words)

    return Forked(work, cwd, said)


def _run(work: Callable[[], int | None], cwd: Path, said: list[Path]) -> None:
    for number, path in zip((1, 2), said, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))  # pytest holds others
    server: Any = forkserver
    server._forkserver._forkserver_pid = None  # that of the test is no child of this process, which starts its own
    os.chdir(cwd)
    code = work()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    sys.exit(code)
