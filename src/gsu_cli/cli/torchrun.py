"""One line in several processes, started by ``torchrun -m gsu_cli.cli``: what each of them does with it.

Nothing but the standard library is imported here before the processes are to find each other.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gsu_cli.errors import UsageError

if TYPE_CHECKING:
    from gsu_cli.run.torchrun import World

SHARED = ("train", "unlearn", "evaluate")  # the verbs whose work falls into parts
ALONE = "audit"  # the verb that computes for long, and whose work does not
LOOKING = ("--cfg", "--info", "--hydra-help", "--shell-completion")  # flags of lines that run nothing
OURS = ("hydra.run.dir", "hydra.sweep.dir")
_found: list[World] = []


def started() -> bool:
    """Whether this process is one of several, or could be."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"} <= os.environ.keys()


def index() -> int:
    """The place of this process, from 0."""
    return int(os.environ["RANK"]) if started() else 0


def hush() -> None:
    """All but the first process are silent."""
    if not index():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    _voice.append(os.dup(2))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


_voice: list[int] = []


def share(verb: str, flags: Sequence[str]) -> bool:
    """Whether the processes share the line; else the first runs it alone.

    Args:
        verb: of the line.
        flags: typed.

    Raises:
        UsageError: the line starts processes of its own.
    """
    if not started():
        return False
    if verb == "reproduce" or "--multirun" in flags:
        what = "`gsu reproduce`" if verb == "reproduce" else "a sweep"
        raise UsageError(
            f"a line under torchrun must be one run, which its processes share, and {what} is many",
            way_out="Start it without torchrun, which gives each core or job a run; or start torchrun for each run",
        )
    if any(flag.partition("=")[0] in LOOKING for flag in flags):
        return False
    others = int(os.environ["WORLD_SIZE"]) - 1
    if verb == ALONE and others and not index():
        which = "the other that torchrun started has" if others == 1 else f"{others} more that torchrun started have"
        sys.stderr.write(f"NOTE  `gsu {verb}` computes in one process: {which} ended\n")
    return verb in SHARED


@contextlib.contextmanager
def folder_of_its_own(words: Sequence[str]) -> Iterator[list[str]]:
    """The line as this process runs it: all but the first write where nobody looks, and take it away."""
    if not index():
        yield list(words)
        return
    import shutil
    import tempfile

    scratch = tempfile.mkdtemp(prefix="gsu-")
    kept = [word for word in words if word.lstrip("+").partition("=")[0] not in OURS]
    try:
        yield [*kept, f"hydra.run.dir='{scratch}/run'"]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Within, the work is shared among the processes."""
    from gsu_cli.run.torchrun import World
    from gsu_cli.surgery.ranks import among

    world = World()
    _found.append(world)
    with among(world.group):
        yield
    world.leave()
    _found.remove(world)


def writes_to(folder: Path) -> None:
    """Notes the folder of the run."""
    for world in _found:
        world.writes_to(folder)


def cause(error: Exception) -> Exception:
    """``error``, or the end of another process, which made it: libraries wrap what is raised inside them."""
    return next((world.lost for world in _found if world.lost is not None), error)


def said_by_this_one(error: BaseException, sentence: str, lines: str = "") -> str | None:
    """The sentence that this process is to print; None where another does.

    Args:
        error: what ended it.
        sentence: in words.
        lines: of a traceback, which go before what another process says for this one.
    """
    if not _found:
        return None if index() else sentence
    told = _found.pop().last_words(error, sentence, lines)
    if told is not None and _voice:
        os.dup2(_voice.pop(), 2)
    return told
