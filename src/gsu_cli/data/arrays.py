"""Arrays of images and labels, in whatever layout they were saved, as the tensors of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsu_cli.errors import DataError

BYTES = "Save them as bytes: (255 * images).round().astype('uint8') where they lie in [0, 1]."
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
        raise DataError(f"{what} must be images of 8 bits, uint8", found=str(array.dtype), way_out=BYTES)
    last = array.ndim == 4 and array.shape[-1] in (1, 3)
    if array.ndim == 3:
        array = array[:, None]
    elif last:
        array = array.transpose(0, 3, 1, 2)
    elif not (array.ndim == 4 and array.shape[1] in (1, 3)):
        raise DataError(
            f"{what} must be images (n, h, w), (n, h, w, 3) or (n, 3, h, w)",
            found=f"the shape {array.shape}{', volumes perhaps' if array.ndim > 3 else ''}",
        )
    if 0 in array.shape:
        raise DataError(f"{what} must hold images", found=f"the shape {array.shape}")
    return torch.from_numpy(np.ascontiguousarray(array))


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
    for what, array in whole.items():
        if array.max() > 1:
            raise DataError(
                f"{what} must be one label for each image, or a column of 0 and 1 for each class",
                found=f"{int(array.max())} among {array.shape[1]} columns",
            )
    if all((array.sum(1) == 1).all() for array in whole.values()):
        return {what: torch.from_numpy(array.argmax(1)) for what, array in whole.items()}, "one-hot"
    return {what: torch.from_numpy(array).bool() for what, array in whole.items()}, "attributes"


def _whole(array: Array, what: str, n: int) -> NDArray[np.int64]:
    """``(n, k)`` int64."""
    if array.dtype.kind not in "iubf":
        raise DataError(f"{what} must be whole numbers", found=str(array.dtype))
    if array.ndim not in (1, 2) or len(array) != n or 0 in array.shape:
        raise DataError(f"{what} must be a label for each of the {n:,} images", found=f"the shape {array.shape}")
    values = array.reshape(n, -1)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        raise DataError(f"{what} must be whole numbers", found=f"{values.dtype} with a fraction or nan")
    if values.min() < 0 or values.max() >= 2**31:
        raise DataError(
            f"{what} must be labels from 0 on", found=int(values.min() if values.min() < 0 else values.max())
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
