"""What a data set has loaded, checked at once: a class of one's own may return anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.labels import choices
from gsu_cli.errors import DataError


def check_dataset(found: object, source: object) -> Dataset:
    """The data set, if it is one that all else can rest on.

    Args:
        found: what ``source.load()`` returned.
        source: for the message.

    Raises:
        DataError: it is none; the message names the first field that is not what `Dataset` and `Images` say.
    """
    flaw = next(_flaws(found), None)
    if flaw is None and isinstance(found, Dataset):
        return found
    rule, what = flaw or ("a Dataset", type(found).__name__)
    raise DataError(
        f"`load` of the data set {type(source).__name__} must return {rule}",
        found=what,
        way_out="See `gsu show docs/datasets.md` for an example",
    )


def _flaws(found: object) -> Iterator[tuple[str, str]]:
    """(what must be, what is) of each field that is something else; later ones rest on earlier ones."""
    if not isinstance(found, Dataset):
        yield "a Dataset", "nothing" if found is None else type(found).__name__
        return
    for name in ("name", "source"):
        if not isinstance(value := getattr(found, name), str) or (name == "name" and not value):
            yield f"a `{name}` that is text", repr(value)
    names: object = found.class_names
    if not isinstance(names, Mapping) or not all(
        type(label) is int and isinstance(name, str) for label, name in names.items()
    ):
        yield "`class_names` that are a dict of whole numbers to text", f"{names!r:.60}"
    elif len(set(names.values())) < len(names):
        yield "`class_names` that differ", choices(names)
    for part in ("train", "heldout"):
        images: object = getattr(found, part)
        if not isinstance(images, Images):
            yield f"Images as `{part}`", "nothing" if images is None else type(images).__name__
        else:
            yield from ((f"`{part}` with {rule}", what) for rule, what in _of_images(images, found))
    if not len(found.train):
        yield "an image to train on", "none"
    if found.train.pixels.shape[1:] != found.heldout.pixels.shape[1:]:
        shapes = (tuple(images.pixels.shape[1:]) for images in (found.train, found.heldout))
        yield "images of one shape in both parts", " and ".join(map(str, shapes))


def _of_images(images: Images, found: Dataset) -> Iterator[tuple[str, str]]:
    n = len(images.pixels) if isinstance(images.pixels, Tensor) else 0
    if not _is(images.pixels, torch.uint8, 4) or 0 in images.pixels.shape[1:]:
        yield "`pixels` (n, c, h, w) of uint8", _described(images.pixels)
    if not _is(images.labels, torch.int64, 1) or len(images.labels) != n:
        yield f"`labels` ({n},) of int64", _described(images.labels)
    elif missing := sorted({*images.labels.unique().tolist()} - {*found.class_names}):
        yield "labels that `class_names` names", str(missing[0])
    k = len(found.attribute_names)
    marks = images.attributes
    if k and (marks is None or not _is(marks, torch.bool, 2) or marks.shape != (n, k)):
        yield f"`attributes` ({n}, {k}) of bool, a column for each name", _described(marks)
    if not k and marks is not None:
        yield "`attribute_names` for its attributes", "none"


def _is(value: object, dtype: torch.dtype, dim: int) -> bool:
    return isinstance(value, Tensor) and value.dtype == dtype and value.dim() == dim


def _described(value: object) -> str:
    if not isinstance(value, Tensor):
        return "nothing" if value is None else type(value).__name__
    return f"{tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
