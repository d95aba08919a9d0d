"""The IDX format of MNIST and its relatives, gzipped or not, read strictly.

A file is ``00 00 t d``, then d big-endian uint32 sizes, then exactly their product in entries of type t: images have
t = 8 (bytes) and d = 3 ``(n, h, w)``; labels t = 8 or t = 0C (big-endian int32) and d = 1 ``(n,)``, or d = 2 ``(n, k)``
as in QMNIST, whose first column is the class and whose others tell of writer and sheet. A set is four files: images and
labels of ``train`` and of ``t10k`` (or ``test``), perhaps behind a common prefix
(``emnist-letters-train-images-idx3-ubyte.gz``, ``qmnist-test-labels-idx2-int.gz``).
Source: the description at the end of LeCun's MNIST page, "the IDX file format".
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import DataError, unreadable
from gsu_cli.run.stand_ins import StandIn, stand_in

NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|t10k|test)-(?P<kind>images|labels)([-.]idx\d)?([-.](ubyte|int))?(\.gz)?"
)
BYTE, INT = 0x08, 0x0C  # types of the entries
MAGIC = {
    "images": (bytes((0, 0, BYTE, 3)),),
    "labels": tuple(bytes((0, 0, kind, dims)) for kind in (BYTE, INT) for dims in (1, 2)),
}
ROLES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
TYPES = {BYTE: "bytes", 0x09: "signed bytes", 0x0B: "int16", INT: "int32", 0x0D: "float32", 0x0E: "float64"}
SAVED = {"images": "bytes in 3 axes, (n, h, w)", "labels": "bytes or int32 in one axis"}
FETCH_AGAIN = "The file is damaged or no IDX file: delete it and fetch it again."


def find_files(folder: Path, prefix: str | None = None) -> dict[str, Path] | None:
    """Role -> file for the four files of a set in ``folder``, or None if it holds none of them.

    Args:
        folder: may be missing.
        prefix: what stands before ``train-images``; None takes whatever there is, as long as it is one set.

    Raises:
        DataError: some of the four are missing, or there are several sets to choose from.
    """
    sets: dict[str, dict[str, Path]] = {}
    try:
        files = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    except OSError as error:
        raise unreadable(folder, error, DataError) from None
    for file in files:  # in reverse, so that an unpacked file replaces its ".gz": it is quicker to read
        match = NAME.fullmatch(file.name)
        if match and file.is_file() and prefix in (None, match["prefix"].rstrip("-_")):
            role = f"{'train' if match['part'] == 'train' else 't10k'}-{match['kind']}"
            sets.setdefault(match["prefix"].rstrip("-_"), {})[role] = file
    if not sets:
        return None
    if len(sets) > 1:
        raise DataError(
            f"{folder} must hold one IDX data set",
            found=", ".join(repr(name) for name in sorted(sets)),
            way_out="Choose one with `dataset.prefix=...`.",
        )
    found = next(iter(sets.values()))
    missing = [role for role in ROLES if role not in found]
    if missing:
        raise DataError(
            f"{folder} must hold all four files of an IDX data set",
            found=f"no {', no '.join(missing)}",
            way_out="Put the missing files there or point to another folder.",
        )
    return found


def read_part(images: Path, labels: Path) -> Images:
    """One part of a set: ``(n, 1, h, w)`` uint8 pixels and their ``(n,)`` int64 labels.

    Raises:
        DataError: either file is damaged, or they do not belong together.
    """
    pixels, values = read_idx(images, "images"), read_idx(labels, "labels")
    values = values if values.ndim == 1 else values[:, 0]  # QMNIST: class, series, writer and so on
    if int(values.min()) < 0:
        raise DataError(f"{labels} must hold labels from 0 on", found=int(values.min()), way_out=FETCH_AGAIN)
    if len(pixels) != len(values):
        raise DataError(
            f"{labels} must hold one label for each of the {len(pixels):,} images of {images.name}",
            found=f"{len(values):,} labels",
            way_out="Fetch both again: they are not of the same set, or one is damaged",
        )
    return Images(pixels.unsqueeze(1), values.long())


def read_idx(path: Path, kind: str) -> Tensor:
    """The tensor in ``path``.

    Args:
        path: gzipped or not.
        kind: "images" are ``(n, h, w)`` uint8; "labels" are ``(n,)`` uint8 or int32, or ``(n, k)`` of these.

    Raises:
        DataError: the file cannot be read or unpacked, is of another type, or is not exactly as long as it says.
    """
    raw = _unpacked(path)
    least = 8 if kind == "labels" else 16
    if len(raw) < least:
        raise DataError(
            f"{path} must begin with an IDX header of {least} bytes",
            found=f"a file of {len(raw)} bytes",
            way_out=FETCH_AGAIN,
        )
    magic = bytes(raw[:4])
    if magic not in MAGIC[kind]:
        other = _instead(bytes(raw[:262]), kind)
        raise DataError(
            f"{path} must begin with the IDX magic number 0x{MAGIC[kind][0].hex()} ({kind}, 8 bits)",
            found=other.what,
            way_out=other.way_out,
        )
    dims, width, head = magic[3], 4 if magic[2] == INT else 1, 4 + 4 * magic[3]
    shape = struct.unpack(f">{dims}I", raw[4:head]) if len(raw) >= head else (0,)
    if 0 in shape:
        raise DataError(f"{path} must hold at least one image", found=f"sizes {shape}", way_out=FETCH_AGAIN)
    body, whole = len(raw) - head, width * math.prod(shape)
    if body != whole:
        raise DataError(
            f"{path} must hold {whole:,} bytes after its header, as its sizes {shape} say",
            found=f"{body:,} bytes ({'truncated' if body < whole else 'too long'})",
            way_out=FETCH_AGAIN,
        )
    if width == 1:
        return torch.frombuffer(raw, dtype=torch.uint8, offset=head).reshape(shape)
    return torch.from_numpy(np.frombuffer(raw, dtype=">i4", offset=head).astype(np.int32)).reshape(shape)


def _instead(head: bytes, kind: str) -> StandIn:
    """What a file is that does not begin as it must: an IDX file of other numbers, or none."""
    number = TYPES.get(head[2])
    if head[:2] == b"\0\0" and number and 1 <= head[3] <= 4:
        axes = f"{head[3]} axes" if head[3] > 1 else "one axis"
        return StandIn(f"0x{head[:4].hex()}, {number} in {axes}", f"Save {kind} as {SAVED[kind]}, or use dataset=npz")
    return stand_in(head) or StandIn(f"0x{head[:4].hex()}", FETCH_AGAIN)


def _unpacked(path: Path) -> bytearray:
    """The bytes of ``path``, unpacked if they are gzip (by content: names lie); writable, as torch wants them."""
    try:
        raw = path.read_bytes()
        return bytearray(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} must be a whole gzip file", found=str(error), way_out=FETCH_AGAIN) from None
    except OSError as error:
        raise unreadable(path, error, DataError) from None
