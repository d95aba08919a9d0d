"""Images that cost minutes to make are made once: a uint8 array in a file, mapped into memory.

The file holds the array's bytes and behind them 32 bytes of sha256. Whoever maps it pays for the pages that are touched
and the system may drop those again, so a large data set needs no more memory than its array.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsu_cli.errors import OutputError
from gsu_cli.run.files import FULL, atomic

Fill = Callable[[NDArray[np.uint8]], None]
log = logging.getLogger(__name__)


def key_of(name: str, **content: object) -> str:
    """A key for `cached`: ``name`` and a digest of everything that determines the array's content.

    Args:
        name: readable beginning of the file's name.
        content: plain values; all that the array depends on, the version of the code that fills it included.

    >>> key_of("faces", size=64) == key_of("faces", size=64), key_of("faces", size=32) == key_of("faces", size=64)
    (True, False)
    """
    text = json.dumps(content, sort_keys=True)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def cached(folder: Path, key: str, shape: tuple[int, ...], fill: Fill) -> Tensor:
    """The uint8 array called ``key``, from ``folder`` or, the first time, from ``fill``.

    The file is written aside and renamed when whole, so that two processes at once both end with a good one and an
    interrupted one leaves nothing. One that is damaged is made again. Writing into the tensor changes this process's
    view alone (the mapping is private), never the file.

    Args:
        folder: where the files are kept; made if missing.
        key: see `key_of`.
        shape: of the array, every entry >= 1; the same key must mean the same shape.
        fill: writes the whole array; called only when there is no good file, and raises what the user can mend as
            `GsuError`.

    Returns:
        ``shape`` uint8, backed by the file.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    path = folder / f"{key}.u8"
    found = stored(folder, key, shape)
    if found is not None:
        return found
    if os.path.exists(path):  # which, unlike Path.exists, never raises
        log.warning("%s was damaged and is made again", path)
    try:
        with atomic(path) as temporary:
            _write(temporary, shape, fill)
    except OutputError as error:
        raise OutputError(
            f"{path} must be writable, because decoded images are kept there",
            found=error.found,
            way_out=f"{'Free space or choose' if error.found == FULL else 'Choose'} another folder with "
            "dataset.cache_dir=FOLDER.",
        ) from error
    array = _mapped(path, shape)
    if array is None:
        raise OutputError(f"{path} must hold what was just written to it", found="something else")
    return torch.from_numpy(array)


def stored(folder: Path, key: str, shape: tuple[int, ...]) -> Tensor | None:
    """The array called ``key`` where ``folder`` has it and it is whole, else None."""
    array = _mapped(folder / f"{key}.u8", shape)
    return None if array is None else torch.from_numpy(array)


def _write(path: Path, shape: tuple[int, ...], fill: Fill) -> None:
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):  # writing to a mapped page that has no room left would kill the process
            os.posix_fallocate(file.fileno(), 0, prod(shape))
        else:
            file.truncate(prod(shape))
    array = np.memmap(path, np.uint8, mode="r+", shape=shape)
    fill(array)
    array.flush()
    with path.open("ab") as file:
        file.write(_digest(array))


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The array in ``path``, or None where the file is not whole."""
    try:
        if path.stat().st_size != prod(shape) + hashlib.sha256().digest_size:
            return None
        # "c", copy on write: torch accepts no read-only array without a warning, and the file stays as it is
        array = np.memmap(path, np.uint8, mode="c", shape=shape)
        with path.open("rb") as file:
            file.seek(prod(shape))
            return array if file.read() == _digest(array) else None
    except OSError:
        return None


def _digest(array: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(array.data).digest()
