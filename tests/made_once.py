"""Models that many tests look at are trained once a session: by the worker that comes first, the others read them.

Weights are the same to the last bit, wherever they come from (tests/test_made_once.py). A process that a test starts
reads what is there and writes nothing, since it may compute otherwise: on a pretended device, with other threads.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLACE = "GSU_TEST_MODELS"  # the folder of a session; its workers, and what they start, inherit the name
_writes: list[bool] = []


def begin() -> Path:
    """A folder for this session."""
    folder = tempfile.mkdtemp(prefix="gsu-test-models-")
    os.environ[PLACE] = folder
    return Path(folder)


def end(folder: Path) -> None:
    """Takes it away."""
    os.environ.pop(PLACE, None)
    shutil.rmtree(folder, ignore_errors=True)


def write() -> None:
    """This process runs tests: what it makes is kept for the others."""
    _writes.append(True)


def once(make: Callable[[], Any]) -> Callable[[], Any]:
    """In place of `functools.cache`, of a function that trains a model and takes no arguments."""

    @functools.cache
    @functools.wraps(make)
    def found() -> Any:
        folder = os.environ.get(PLACE)
        return make() if folder is None else kept(Path(folder), make)

    return found


def kept(folder: Path, make: Callable[[], Any]) -> Any:
    """What ``make`` gives, from ``folder`` where it is there; a second process waits for the first."""
    path = folder / f"{make.__module__}.{make.__name__}.pt"
    if not _writes:
        return read(path) if path.exists() else make()
    with locked(path.with_suffix(".lock")):
        if path.exists():
            return read(path)
        import torch  # here: tests/conftest.py sets its threads before it comes

        model = make()
        part = path.with_suffix(".part")
        torch.save(model, part)
        part.replace(path)
    return model


def read(path: Path) -> Any:
    """Our own file of a moment ago."""
    import torch

    return torch.load(path, weights_only=False)


class locked:  # a context, named as one reads it
    """The only process within; where the system knows no such lock, each trains its own."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w")

    def __enter__(self) -> None:
        try:
            import fcntl
        except ImportError:
            return
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()
