"""Pixels that were expensive to make, kept as one memory-mapped array, found again by what they were made of."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsu_cli.errors import OutputError
from gsu_cli.run.files import atomic

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Fill = Callable[[Pixels], None]
FOLDER = "arrays"


def cached(folder: Path | None, name: str, key: Mapping[str, Any], shape: tuple[int, ...], fill: Fill) -> Tensor:
    """A uint8 array of ``shape``: mapped from ``folder`` when it is there, else filled, kept and mapped.

    The map is private (copy on write): pages are read when they are touched and never written back, so a large array
    costs the memory of what is used of it, and nobody can change what is kept. Filling goes through a map, too.

    Args:
        folder: the cache; None fills an array in memory and keeps nothing.
        name: first part of the file's name.
        key: all that the values depend on, as plain values; another key is another file.
        shape: of the array.
        fill: writes every value.

    Raises:
        OutputError: the cache cannot be written.
    """
    if folder is None:
        values = np.zeros(shape, np.uint8)
        fill(values)
        return torch.from_numpy(values)
    text = json.dumps({"key": key, "shape": shape}, sort_keys=True)
    path = folder / FOLDER / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npy"
    found = _mapped(path, shape)
    if found is None:
        try:
            with atomic(path) as temporary:
                values = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
                fill(values)
                values.flush()
        except OutputError as e:
            way_out = "Free space or choose another folder with dataset.cache_dir=... (null keeps nothing)."
            raise OutputError(e.rule, found=e.found, way_out=way_out) from e
        found = _mapped(path, shape)
    if found is None:
        raise OutputError(f"{path} must be readable", found="other content than was just written")
    return found


def _mapped(path: Path, shape: tuple[int, ...]) -> Tensor | None:
    """The array, or None where there is none or it is damaged."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        values = np.load(path, mmap_mode="c", allow_pickle=False)
        if values.shape == shape and values.dtype == np.uint8:
            return torch.from_numpy(values)
    return None
