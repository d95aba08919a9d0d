"""A folder of images in class sub-folders: one's own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import torch

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.image_files import SUFFIXES, decode
from gsu_cli.data.labels import find_labels, restrict
from gsu_cli.errors import DataError, UsageError


@dataclass(frozen=True)
class _Listing:
    """Files of each class by label, in path order, before anything is decoded."""

    train: dict[int, list[Path]]
    heldout: dict[int, list[Path]]
    names: dict[int, str]
    how: str


class Folder:
    """Images in ``path/<class>/...``, or in ``path/train/<class>/...`` and ``path/test/<class>/...`` if both are there.

    Class names are the folder names, sorted, and labels count them from 0; folders that are all named by whole numbers
    ("1", "3", "8") keep these as labels. Training index i is the i-th training file, by class, then by path.

    Args:
        path: the folder.
        name: what this data set is called in records and messages.
        size: pixels of the square that images are scaled and cropped to; None where all have one size already.
        channels: 1 (grey) or 3 (RGB); None is 1 if every image is grey, else 3.
        heldout_fraction: share in (0, 1) of each class that is held out, drawn at random; unused with ``test``.
        split_seed: seed of that draw; the draw does not depend on ``classes``.
        classes: labels or names to keep; None keeps all.

    Raises:
        UsageError: an argument is missing or out of range.
    """

    def __init__(
        self,
        path: str,
        name: str,
        size: int | None = None,
        channels: int | None = None,
        heldout_fraction: float = 0.1,
        split_seed: int = 0,
        classes: object = None,
    ) -> None:
        for key, value in (("path", path), ("name", name)):
            if value is None or not str(value).strip():
                raise UsageError(f"`dataset.{key}` must be set for dataset=folder", found="nothing")
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 4096):
            raise UsageError("`dataset.size` must be a whole number of pixels in 1..4096", found=repr(size))
        if channels not in (None, 1, 3):
            raise UsageError("`dataset.channels` must be 1 (grey) or 3 (RGB)", found=repr(channels))
        number = isinstance(heldout_fraction, int | float) and isfinite(heldout_fraction)
        if not number or not 0 < heldout_fraction < 1:
            raise UsageError(
                "`dataset.heldout_fraction` must be a number strictly between 0 and 1", found=repr(heldout_fraction)
            )
        if isinstance(split_seed, bool) or not isinstance(split_seed, int):
            raise UsageError("`dataset.split_seed` must be a whole number", found=repr(split_seed))
        self.path, self.name, self.size, self.channels = Path(path).expanduser(), str(name), size, channels
        self.heldout_fraction, self.split_seed, self.classes = float(heldout_fraction), split_seed, classes

    def load(self) -> Dataset:
        """Lists, splits and decodes; files of classes that are not kept are not decoded.

        Raises:
            DataError: the folder is missing or empty, a class has too few images, or an image is damaged.
            UsageError: `dataset.classes` names a class that is not there.
        """
        listing = self._listed()
        labels = tuple(listing.names)
        if self.classes is not None:
            labels = find_labels(self.classes, listing.names, key="dataset.classes", dataset=self.name)
        train = [(path, label) for label in labels for path in listing.train[label]]
        heldout = [(path, label) for label in labels for path in listing.heldout[label]]
        paths = [path for path, _ in train + heldout]
        pixels = decode(paths, size=self.size, channels=self.channels)
        values = torch.tensor([label for _, label in train + heldout])
        n = len(train)
        source = f"images in {self.path}, {listing.how}"
        whole = Dataset(
            self.name, Images(pixels[:n], values[:n]), Images(pixels[n:], values[n:]), listing.names, source
        )
        return restrict(whole, self.classes)

    def _listed(self) -> _Listing:
        if not self.path.is_dir():
            raise DataError("`dataset.path` must be a folder of class sub-folders", found=f"no folder {self.path}")
        parts = self.path / "train", self.path / "test"
        if all(part.is_dir() for part in parts):
            train, heldout = _by_class(parts[0]), _by_class(parts[1])
            if set(train) != set(heldout):
                raise DataError(
                    f"{parts[0]} and {parts[1]} must have the same class sub-folders",
                    found=f"only in one of them: {', '.join(sorted(set(train) ^ set(heldout)))}",
                )
            names = _labelled(train)
            keep = {k: train[v] for k, v in names.items()}, {k: heldout[v] for k, v in names.items()}
            return _Listing(*keep, names, "held out as in test/")
        files = _by_class(self.path)
        names = _labelled(files)
        generator = torch.Generator().manual_seed(self.split_seed)
        drawn = {label: self._drawn(files[name], name, generator) for label, name in names.items()}
        how = f"{100 * self.heldout_fraction:g} % of each class held out with seed {self.split_seed}"
        return _Listing({k: v[0] for k, v in drawn.items()}, {k: v[1] for k, v in drawn.items()}, names, how)

    def _drawn(self, files: list[Path], name: str, generator: torch.Generator) -> tuple[list[Path], list[Path]]:
        if len(files) < 2:
            raise DataError(
                f"class {name!r} must have at least 2 images, one to train on and one to hold out",
                found=len(files),
                way_out=f"Remove {self.path / name} or add images.",
            )
        n = min(max(1, round(self.heldout_fraction * len(files))), len(files) - 1)
        held = set(torch.randperm(len(files), generator=generator)[:n].tolist())
        return (
            [file for i, file in enumerate(files) if i not in held],
            [file for i, file in enumerate(files) if i in held],
        )


def _by_class(folder: Path) -> dict[str, list[Path]]:
    """Class name -> its image files at any depth, both sorted; hidden files and other suffixes are passed over."""
    classes = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        raise DataError(f"{folder} must hold one sub-folder of images for each class", found="no sub-folder")
    found = {}
    for entry in classes:
        files = (f for f in entry.rglob("*") if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))
        found[entry.name] = sorted(file for file in files if file.is_file())
        if not found[entry.name]:
            raise DataError(
                f"{entry} must hold images ({', '.join(sorted(SUFFIXES))})",
                found="none",
                way_out="Remove it or add images.",
            )
    return found


def _labelled(by_class: Mapping[str, object]) -> dict[int, str]:
    """Label -> name, ascending: the number where all names are whole numbers, else the place in sorted order."""
    if all(name.isdecimal() and str(int(name)) == name for name in by_class):
        return {label: str(label) for label in sorted(int(name) for name in by_class)}
    return dict(enumerate(sorted(by_class)))
