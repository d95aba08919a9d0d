"""What people see while they wait: one console, progress bars that vanish when done, notes that do not.

Where no bar can show, in a pipe or the log of a cluster, a line a minute says how far a run is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from gsu_cli.report.formats.terminal import Lines, line_length
from gsu_cli.run.record import Record

if TYPE_CHECKING:  # torch takes seconds to import, and a verb that only reads records needs none
    from gsu_cli.training.history import Progress as Epochs

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds, at least, between two lines on how far a work is
console = Lines(highlight=False, width=line_length())
_said: list[str] = []  # notes of this run


def room() -> int:
    """Characters in a line: the terminal's, `COLUMNS` where that is set, or 80."""
    if console.is_terminal:
        return console.width
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else 80


def begin() -> None:
    """A run begins: of it nothing was said so far."""
    _said.clear()


def said() -> frozenset[str]:
    """The notes of this run that stand on the terminal."""
    return frozenset(_said)


def note(text: str, record: Record | None = None) -> None:
    """Something a reader of any number below must know, said once; the ``record`` and its summary keep it."""
    if record is not None and text not in record.notes:
        record.notes.append(text)
    if text not in _said:
        _said.append(text)
        console.print(Text(f"NOTE  {text}", style="bold yellow"))


def say(text: str, path: object = "") -> None:
    """One plain line, at its end perhaps a path, which is never broken in two: it will be copied."""
    console.print(Text(f"{text}{path}"), soft_wrap=bool(path))


@contextlib.contextmanager
def _bar(*columns: str) -> Iterator[Progress]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        *[TextColumn(c) for c in columns],
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # else it leaves empty lines behind
    ) as progress:
        yield progress


def _now_and_then(what: str) -> Callable[[str], None]:
    """Says how far a work is, from its second minute on: in ``gsu.log``, and as a line where no bar shows."""
    last = time.monotonic()

    def tell(how_far: str) -> None:
        nonlocal last
        if time.monotonic() - last < EVERY:
            return
        last = time.monotonic()
        log.info("%s: %s", what, how_far)
        if not console.is_terminal:
            say(f"{what}: {how_far}")

    return tell


@contextlib.contextmanager
def training_bar(what: str) -> Iterator[Callable[[Epochs], None]]:
    """A bar for `gsu_cli.training.loop.fit`: epoch, loss, images a second, time left."""
    with _bar("epoch {task.fields[epoch]}", "loss {task.fields[loss]}", "{task.fields[rate]} images/s") as progress:
        task, tell = progress.add_task(what, total=None, epoch="-", loss="-", rate="-"), _now_and_then(what)

        def update(p: Epochs) -> None:
            epoch = f"{p.epoch}/{p.epochs}"
            loss, rate = f"{p.loss:.3f}", f"{p.rate:,.0f}"
            tell(f"epoch {epoch}, loss {loss}, {rate} images/s")
            progress.update(task, completed=p.step, total=p.steps, epoch=epoch, loss=loss, rate=rate)

        yield update


@contextlib.contextmanager
def work_bar(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar for work in named parts; in all 0 parts where nobody knows how many."""
    with _bar("{task.fields[part]}") as progress:
        task, tell = progress.add_task(what, total=None, part=""), _now_and_then(what)

        def update(done: int, total: int, part: str) -> None:
            tell(f"{done:,} of {total:,}{part and f', {part}'}" if total else part)
            progress.update(task, completed=done, total=total or None, part=part)
            if not total:  # nobody knows how much is left: no bar is full, and no time is foretold
                progress.tasks[0].total = None

        yield update
