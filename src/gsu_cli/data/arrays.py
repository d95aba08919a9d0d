"""Arrays of images and labels, in whatever layout they were saved, as the tensors of a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsu_cli.errors import DataError

SAVE = "Save them as bytes: {}.astype('uint8')"
RANGES = ((0, 1, "(255 * images).round()"), (-1, 1, "(127.5 * (images + 1)).round()"), (0, 255, "images.round()"))
"""Lowest and highest value of floats, and what makes bytes of them."""
NUMBERS = "Save classes as whole numbers from 0 on, the same in every part"
CHANNELS = (1, 3)
Array = NDArray[Any]


def images_of(array: Array, what: str) -> Tensor:
    """``(n, c, h, w)`` uint8 from ``(n, h, w)``, ``(n, h, w, 1 or 3)`` or ``(n, 1 or 3, h, w)``.

    Args:
        array: as it was saved.
        what: it is, for messages.

    Raises:
        DataError: other types or shapes, or no image.
    """
    if array.dtype != np.uint8:
        found, way_out = _instead_of_bytes(array)
        raise DataError(f"{what} must be images of 8 bits, uint8", found=found, way_out=way_out)
    last = array.ndim == 4 and array.shape[-1] in CHANNELS
    if last and array.shape[1] in CHANNELS and 0 not in array.shape:
        raise DataError(
            f"{what} must say by their shape which axis holds the channels",
            found=f"the shape {array.shape}, {array.shape[1]} channels first or {array.shape[3]} last",
            way_out="Save images of more than 3 pixels a side",
        )
    if array.ndim == 3:
        array = array[:, None]
    elif last:
        array = array.transpose(0, 3, 1, 2)
    elif not (array.ndim == 4 and array.shape[1] in CHANNELS):
        raise DataError(
            f"{what} must be images (n, h, w), (n, h, w, 3) or (n, 3, h, w)",
            found=f"the shape {array.shape}{_of_shape(array.shape)}",
            way_out=_reshaped(array.shape) or "Save them in one of these shapes",
        )
    if 0 in array.shape:
        way_out = "Leave the part out where it is empty: a share of each class is then held out"
        raise DataError(f"{what} must hold images", found=f"the shape {array.shape}", way_out=way_out)
    return torch.from_numpy(np.ascontiguousarray(array))


def _instead_of_bytes(array: Array) -> tuple[str, str]:
    """What the values are that are no bytes, and how they become some."""
    kind = str(array.dtype)
    if array.dtype.kind == "b":
        return kind, SAVE.format("(255 * images)")
    if array.dtype.kind not in "iuf" or not array.size:
        return kind, "Save them as bytes from 0 to 255"
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        return f"{kind} with nan or inf", "Remove these images, or mend them"
    said = f"{kind} from {low:.4g} to {high:.4g}"
    if array.dtype.kind in "iu":
        if low < 0 or high > 65_535:
            return said, "Scale them to 0 and 255, and save them as bytes"
        return said, SAVE.format("images" if high <= 255 else "(images / 257).round()")
    fits = (how for least, most, how in RANGES if least <= low and high <= most)
    how = next(fits, None)
    return said, SAVE.format(how) if how else "Scale them to 0 and 255, and save them as bytes"


def _reshaped(shape: tuple[int, ...]) -> str:
    """The line that makes squares of flat images; empty for others."""
    for c, before in ((1, ""), (3, "3, ")):
        side = math.isqrt(shape[-1] // c)
        if len(shape) == 2 and side > 1 and c * side * side == shape[1]:
            return SAVE.format(f"images.reshape(-1, {before}{side}, {side})")
    return ""


def _of_shape(shape: tuple[int, ...]) -> str:
    if 4 in (shape[1], shape[-1]) and len(shape) == 4:
        return ", an alpha channel perhaps"
    return ", volumes perhaps" if len(shape) > 3 else ""


def labels_of(arrays: Mapping[str, Array], sizes: Mapping[str, int]) -> tuple[dict[str, Tensor], str]:
    """Labels of each part as ``(n,)`` int64, or marks of several classes as ``(n, k)`` bool, and which of the two.

    Args:
        arrays: what they are called -> ``(n,)`` or ``(n, 1)`` whole numbers; ``(n, k)`` of 0 and 1 with one 1 in every
            row (classes, one-hot) or any number of them (attributes).
        sizes: the same keys -> number of images.

    Returns:
        The labels, and "classes", "one-hot" or "attributes".

    Raises:
        DataError: other types, shapes or values, or another number than there are images.
    """
    whole = {what: _whole(array, what, sizes[what]) for what, array in arrays.items()}
    widths = {array.shape[1] for array in whole.values()}
    if len(widths) > 1:
        raise DataError(
            f"{' and '.join(whole)} must have as many columns", found=" and ".join(map(str, sorted(widths)))
        )
    if widths == {1}:
        return {what: torch.from_numpy(array[:, 0]) for what, array in whole.items()}, "classes"
    if all((array.sum(1) == 1).all() for array in whole.values()):
        return {what: torch.from_numpy(array.argmax(1)) for what, array in whole.items()}, "one-hot"
    return {what: torch.from_numpy(array).bool() for what, array in whole.items()}, "attributes"


def _whole(array: Array, what: str, n: int) -> NDArray[np.int64]:
    """``(n, k)`` int64."""
    if array.dtype.kind not in "iubf":
        raise DataError(f"{what} must be whole numbers", found=str(array.dtype), way_out=NUMBERS)
    if array.ndim not in (1, 2) or len(array) != n or 0 in array.shape:
        way_out = "Save as many labels as images, in the same order"
        raise DataError(
            f"{what} must be a label for each of the {n:,} images", found=f"the shape {array.shape}", way_out=way_out
        )
    values = array.reshape(n, -1)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        raise DataError(
            f"{what} must be whole numbers", found=f"{values.dtype} with a fraction or nan", way_out=NUMBERS
        )
    low, high = int(values.min()), int(values.max())
    if values.shape[1] > 1 and (low < 0 or high > 1):
        raise DataError(
            f"{what} must be one label for each image, or a column of 0 and 1 for each class or attribute",
            found=f"{low if low < 0 else high:,} among {values.shape[1]} columns",
            way_out="Save yes and no as bytes: (labels > 0).astype('uint8')"
            if (np.abs(values) == 1).all()
            else "Save yes as 1, and no as 0",
        )
    if low < 0 or high >= 2**31:
        raise DataError(
            f"{what} must be labels from 0 to {2**31 - 1:,}",
            found=f"{low if low < 0 else high:,}",
            way_out=NUMBERS,
        )
    return values.astype(np.int64)


def named(names: Sequence[str] | None, occurring: Sequence[int], key: str) -> dict[int, str]:
    """Label -> name for the labels that occur; the number itself without ``names``.

    Raises:
        DataError: there are fewer names than labels need.
    """
    if names is not None and occurring and occurring[-1] >= len(names):
        raise DataError(f"`{key}` must name each label, 0..{occurring[-1]}", found=f"{len(names)} names")
    return {label: str(label) if names is None else names[label] for label in occurring}
