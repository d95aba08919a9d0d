"""Decoded images kept between runs: the array of `array_cache`, and beside it its shape and what is said of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsu_cli.data.array_cache import cached, stored
from gsu_cli.run.files import write_text
from gsu_cli.run.folder_words import chosen_with

log = logging.getLogger(__name__)
Decoding = Callable[[], tuple[Tensor, tuple[str, ...]]]


def kept(folder: Path | None, key: str, decoding: Decoding) -> tuple[Tensor, tuple[str, ...]]:
    """What ``decoding`` gives, from ``folder`` where it is there.

    Args:
        folder: of the cache; None keeps nothing.
        key: of `array_cache.key_of`, over all that determines the result.
        decoding: returns ``(n, c, h, w)`` uint8 and remarks.

    Raises:
        OutputError: the folder cannot be written.
    """
    if folder is None:
        return decoding()
    facts = folder / f"{key}.json"
    known = _read(facts)
    if known is not None:
        pixels = stored(folder, key, known[0])
        if pixels is not None:
            return pixels, known[1]
        log.warning("the images of %s were damaged or gone, and are decoded again", facts)
    pixels, remarks = decoding()
    chosen_with(folder, "dataset.cache_dir=FOLDER")

    def fill(out: NDArray[np.uint8]) -> None:
        out[...] = pixels.numpy()

    mapped = cached(folder, key, tuple(pixels.shape), fill)
    write_text(facts, json.dumps({"shape": list(pixels.shape), "remarks": list(remarks)}) + "\n")
    return mapped, remarks


def _read(path: Path) -> tuple[tuple[int, ...], tuple[str, ...]] | None:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        shape = tuple(int(entry) for entry in facts["shape"])
        return (shape, tuple(map(str, facts["remarks"]))) if len(shape) == 4 and min(shape) > 0 else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
