"""CelebA: 202,599 faces of 10,177 people with 40 attributes, from files that the user has; never from the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsu_cli.checks import as_flag
from gsu_cli.data.array_cache import cached, key_of
from gsu_cli.data.base import Dataset, Images, OnProgress
from gsu_cli.data.celeba_files import Attributes, Files, find_files, read_attributes, read_numbers
from gsu_cli.data.celeba_images import WIDTH, ImageFiles, decode_into, list_images
from gsu_cli.data.recognise import with_hint
from gsu_cli.errors import DataError, UsageError

TRAIN, VALID, TEST = 0, 1, 2
DECODING = 1  # part of the cache's key: raise it when `decode_into` comes to make other pixels of the same files


class Celeba:
    """Aligned and cropped CelebA (Liu et al. 2015, "Deep Learning Face Attributes in the Wild"), RGB.

    Partition 0 is the training set; 1 and 2 together are held out, because neither trains or is unlearned, and rare
    attributes leave few images in one of them. Within a partition images are in the order of their names. CelebA has no
    classes: all labels are 0, "face", and what can be forgotten is an attribute or samples.

    Args:
        data_dir: folder to look in: itself, ``celeba``, ``CelebA``, and the authors' ``Img``, ``Anno``, ``Eval`` below.
        cache_dir: folder for the decoded pixels, 12 kB an image at 64 x 64; may be emptied at any time.
        size: pixels of the square that images are scaled to.
        crop: side of the centre square that is kept, in pixels of the published 178 x 218; 140 as in Tolstikhin et al.
            2018 (WAE, arXiv 1711.01558).
        limit: takes the first so many images of each partition; None takes all.
        partial: whether images without annotation and annotations without an image are left out, and counted in
            ``Dataset.note``, instead of an error.
        name: what this data set is called in records and messages.

    Raises:
        UsageError: an argument is out of range.
    """

    def __init__(
        self,
        data_dir: str | Path,
        cache_dir: str | Path,
        size: int = 64,
        crop: int = 140,
        limit: int | None = None,
        partial: bool = False,
        name: str = "celeba",
    ) -> None:
        _check("size", size, most=512)
        _check("crop", crop, most=WIDTH)
        if limit is not None:
            _check("limit", limit)
        as_flag("dataset.partial", partial)
        self.data_dir, self.cache_dir = _folder("data_dir", data_dir), _folder("cache_dir", cache_dir)
        self.size, self.crop, self.limit, self.partial, self.name = size, crop, limit, partial, name

    def load(self, on_progress: OnProgress | None = None) -> Dataset:
        """The data set, its pixels mapped from the cache; decodes them when they are not there.

        Args:
            on_progress: called while images are decoded; not at all when none is.

        Raises:
            DataError: a file is missing or damaged, or files disagree.
            OutputError: the cache cannot be written.
        """
        try:
            files = find_files(self.data_dir)
        except DataError as error:
            raise with_hint(error, self.data_dir, besides="celeba") from None
        attributes, partition = read_attributes(files.attributes), read_numbers(files.partition)
        images = list_images(files.images)
        names, note = _complete(images, attributes, partition, files, partial=self.partial)
        chosen = _Chosen.by(names, partition, files.partition, self.limit)
        notes = note, _shared_people(chosen, files)
        pixels = self._pixels(images, chosen.names, on_progress)  # last, because all else is checked in a moment
        rows = [attributes.rows[name] for name in chosen.names]
        values = torch.from_numpy(attributes.values[rows])
        labels = torch.zeros(len(rows), dtype=torch.int64)
        n = chosen.n_train
        return Dataset(
            self.name,
            Images(pixels[:n], labels[:n], values[:n]),
            Images(pixels[n:], labels[n:], values[n:]),
            {0: "face"},
            self._source(images.path, pixels),
            attribute_names=attributes.names,
            note=" ".join(part for part in notes if part),
        )

    def _pixels(self, images: ImageFiles, names: list[str], on_progress: OnProgress | None) -> Tensor:
        key = key_of(
            "celeba",
            images=images.digest(names),
            size=self.size,
            crop=self.crop,
            decoding=(DECODING, PIL.__version__),
        )

        def fill(pixels: NDArray[np.uint8]) -> None:
            decode_into(pixels, images, names, crop=self.crop, on_progress=on_progress)

        return cached(self.cache_dir, key, (len(names), 3, self.size, self.size), fill)

    def _source(self, path: Path, pixels: Tensor) -> str:
        first = "" if self.limit is None else f"the first {self.limit:,} of each partition, "
        return (
            f"aligned CelebA images in {path}, {first}centre {self.crop} of {WIDTH} pixels scaled to "
            f"{self.size} x {self.size}; {_count_grey(pixels):,} of {len(pixels):,} are grey"
        )


def _folder(key: str, value: object) -> Path:
    if value is None or not str(value).strip():
        raise UsageError(f"`dataset.{key}` must be a folder", found="nothing")
    return Path(str(value)).expanduser()


def _check(key: str, value: object, *, most: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most is not None and value > most):
        bounds = ">= 1" if most is None else f"in 1..{most}"
        raise UsageError(f"`dataset.{key}` must be a whole number {bounds}", found=repr(value))


@dataclass(frozen=True)
class _Chosen:
    """Names in the order of the pixels: ``n_train`` of partition 0, then those of 1, then those of 2."""

    names: list[str]
    n_train: int

    @classmethod
    def by(cls, names: list[str], partition: dict[str, int], path: Path, limit: int | None) -> _Chosen:
        parts: dict[int, list[str]] = {TRAIN: [], VALID: [], TEST: []}
        for name in names:
            if partition[name] not in parts:
                raise DataError(
                    f"{path} must put every image into partition 0, 1 or 2", found=f"{partition[name]} for {name}"
                )
            parts[partition[name]].append(name)
        train, heldout = parts[TRAIN][:limit], parts[VALID][:limit] + parts[TEST][:limit]
        if not train or not heldout:
            raise DataError(
                f"{path} must put images into partition 0, to train on, and into 1 or 2, to hold out",
                found=f"{len(train):,} and {len(heldout):,} of the {len(names):,} images",
                way_out="Write a partition of your own: the first 162,770 official images are all in partition 0",
            )
        return cls(train + heldout, len(train))


def _complete(
    images: ImageFiles, attributes: Attributes, partition: dict[str, int], files: Files, *, partial: bool
) -> tuple[list[str], str]:
    """Names that have an image, attributes and a partition, sorted; and a note on those that lack one."""
    lacks = (
        (f"without an image in {images.path}", sorted(attributes.rows.keys() - images.marks.keys())),
        (f"without a row in {files.attributes.name}", sorted(images.marks.keys() - attributes.rows.keys())),
        (
            f"without a row in {files.partition.name}",
            sorted((images.marks.keys() & attributes.rows.keys()) - partition.keys()),
        ),
    )
    left_out = [f"{len(names):,} {what} (the first is {names[0]})" for what, names in lacks if names]
    if left_out and not partial:
        raise DataError(
            f"each of the {len(attributes.rows):,} rows of {files.attributes.name} must have an image, and each of the "
            f"{len(images.marks):,} images its rows",
            found=" and ".join(left_out),
            way_out="Set dataset.partial=true to go without them.",
        )
    both = sorted(images.marks.keys() & attributes.rows.keys() & partition.keys())
    return both, f"partial CelebA: left out {' and '.join(left_out)}." if left_out else ""


def _shared_people(chosen: _Chosen, files: Files) -> str:
    """Whoever is known from training is no fresh face: says so where the identities are known and overlap."""
    if files.identity is None:
        return ""
    people = read_numbers(files.identity)
    seen = {people.get(name) for name in chosen.names[: chosen.n_train]} - {None}
    again = sum(people.get(name) in seen for name in chosen.names[chosen.n_train :])
    held = len(chosen.names) - chosen.n_train
    return f"{again:,} of the {held:,} held-out images show people who are in training images too." if again else ""


def _count_grey(pixels: Tensor) -> int:
    """Images whose three channels are equal; one row of pixels rules nearly all others out."""
    row = pixels[:, :, pixels.shape[2] // 2]
    maybe = (row == row[:, :1]).flatten(1).all(1).nonzero().squeeze(1)
    return int(sum(bool((pixels[i] == pixels[i, :1]).all()) for i in maybe))
