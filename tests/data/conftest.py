"""Tiny data sets on disk and in memory; nothing here needs a network."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gsu_cli.data.base import Dataset, Images

IdxWriter = Callable[..., Path]


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def write_set() -> IdxWriter:
    """``write_set(folder, gz=, prefix=, test=, per_class=, classes=, size=)`` writes four IDX files."""

    def write(
        folder: Path,
        gz: bool = False,
        prefix: str = "",
        test: str = "t10k",
        per_class: int = 4,
        classes: int = 10,
        size: int = 3,
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for part, n in (("train", per_class * classes), (test, 2 * classes)):
            images = (np.arange(n * size * size) * 37 % 251).reshape(n, size, size)
            labels = np.arange(n) % classes
            for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
                raw, name = idx_bytes(array), f"{prefix}{part}-{kind}-ubyte"
                (folder / (name + ".gz" if gz else name)).write_bytes(gzip.compress(raw) if gz else raw)
        return folder

    return write


@pytest.fixture
def digits() -> Dataset:
    """100 training and 30 held-out images of 2 x 2 pixels, labels 0..9 in turn, no attributes."""
    return tiny(100, 30)


@pytest.fixture
def faces() -> Dataset:
    """As `digits`, with attributes: Male on even indices, Smiling on every third."""
    dataset = tiny(100, 30)

    def with_attributes(images: Images) -> Images:
        i = torch.arange(len(images))
        return Images(images.pixels, images.labels, torch.stack([i % 2 == 0, i % 3 == 0], dim=1))

    return Dataset(
        "faces",
        with_attributes(dataset.train),
        with_attributes(dataset.heldout),
        dataset.class_names,
        "memory",
        attribute_names=("Male", "Smiling"),
    )


def tiny(n: int, n_heldout: int) -> Dataset:
    def part(k: int) -> Images:
        pixels = (torch.arange(k * 4) % 251).to(torch.uint8).reshape(k, 1, 2, 2)
        return Images(pixels, torch.arange(k) % 10)

    return Dataset("mnist", part(n), part(n_heldout), {k: str(k) for k in range(10)}, "memory")
