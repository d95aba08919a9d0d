"""NumPy arrays in an ``.npz`` file: the form of MedMNIST, of Keras's ``mnist.npz``, and of one's own ``np.savez``."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gsu_cli.data.arrays import Array, images_of, labels_of, named
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.labels import as_list, restrict
from gsu_cli.data.options import check_draw, check_named
from gsu_cli.data.part_names import choose, draw, kind_of, some
from gsu_cli.data.recognise import hint
from gsu_cli.errors import DataError, UsageError, unreadable
from gsu_cli.run.stand_ins import StandIn, stand_in_at

IMAGES = ("images", "image", "imgs", "x", "data")
LABELS = ("labels", "label", "y", "targets", "target")
WHOLE = "all"  # the part of a file that is not divided
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)


@dataclass
class _Part:
    images: str = ""
    labels: str = ""
    arrays: dict[str, Array] = field(default_factory=dict)


class Npz:
    """Arrays ``<part>_images`` and ``<part>_labels`` for the parts train, val and test; test is held out, else val.

    ``x`` and ``y`` stand for images and labels as well, before or after the part, and a file without parts is divided
    at random. Labels of several columns of 0 and 1 are attributes (ChestMNIST), or classes where each row has one 1.

    Args:
        path: the file, or a folder with no other ``.npz``.
        name: what this data set is called in records and messages.
        names: of the labels 0, 1, ..., or of the attributes; None counts them.
        heldout: the part or parts that are held out; None is test, else val.
        heldout_fraction: share in (0, 1) of each class that is held out, where there is no such part.
        split_seed: seed of that draw.
        classes: labels or names to keep; None keeps all.

    Raises:
        UsageError: an argument is missing or out of range.
    """

    def __init__(
        self,
        path: str,
        name: str,
        names: object = None,
        heldout: object = None,
        heldout_fraction: float = 0.1,
        split_seed: int = 0,
        classes: object = None,
    ) -> None:
        self.path, self.name = check_named(path, name, "npz")
        self.heldout_fraction, self.split_seed = check_draw(heldout_fraction, split_seed)
        self.names = None if names is None else [str(word) for word in as_list(names)]
        if self.names is not None and len(set(self.names)) < len(self.names):
            raise UsageError("`dataset.names` must differ", found=some(self.names))
        self.heldout, self.classes = heldout, classes

    def load(self) -> Dataset:
        """Reads the arrays; nothing in the file is executed.

        Raises:
            DataError: the file is missing or damaged, or its arrays are no images and labels.
            UsageError: an option names a class or a part that is not there.
        """
        path = _the_file(self.path)
        parts, unused = _read(path)
        chosen, remarks = None, unused
        if WHOLE not in parts:
            sizes = {name: len(part.arrays[part.images]) for name, part in parts.items()}
            chosen = choose(sizes, self.heldout, path)
            remarks = [*unused, *chosen.remarks]
        elif self.heldout is not None:
            choose({"train": 1}, self.heldout, path)  # which refuses: there are no parts
        used = {name: parts[name] for name in (chosen.train + chosen.heldout if chosen else (WHOLE,))}
        pixels = {name: images_of(part.arrays[part.images], f"{part.images} in {path}") for name, part in used.items()}
        if len({tuple(p.shape[1:]) for p in pixels.values()}) > 1:
            found = " and ".join(str(tuple(p.shape[1:])) for p in pixels.values())
            raise DataError(f"all images in {path} must have one shape", found=found)
        what = {name: f"{part.labels} in {path}" for name, part in used.items()}
        labels, kind = labels_of(
            {what[name]: part.arrays[part.labels] for name, part in used.items()},
            {what[name]: len(pixels[name]) for name in used},
        )
        x, y = torch.cat(list(pixels.values())), torch.cat([labels[what[name]] for name in used])
        n = sum(len(pixels[name]) for name in chosen.train) if chosen and chosen.heldout else None
        how = chosen.describe() if chosen and n is not None else ""
        return self._dataset(path, x, y, kind=kind, n=n, how=how, remarks=remarks)

    def _dataset(
        self, path: Path, x: Tensor, y: Tensor, *, kind: str, n: int | None, how: str, remarks: list[str]
    ) -> Dataset:
        attributes: tuple[str, ...] = ()
        values = None
        if kind == "attributes":
            attributes = tuple(self.names or [f"label_{i}" for i in range(y.shape[1])])
            if len(attributes) != y.shape[1]:
                raise DataError(f"`dataset.names` must name each of {y.shape[1]} attributes", found=len(attributes))
            values, y = y, torch.zeros(len(y), dtype=torch.int64)
            class_names = {0: "image"}
            remarks = [*remarks, f"labels of {len(attributes)} columns of 0 and 1 are attributes: forget.attribute"]
        else:
            class_names = named(self.names, y.unique().tolist(), "dataset.names")
        if n is None:
            train, held = draw(y, self.heldout_fraction, self.split_seed, class_names)
            how = f"{100 * self.heldout_fraction:g} % of each class held out with seed {self.split_seed}"
        else:
            train, held = torch.arange(n), torch.arange(n, len(x))
        one, other = (Images(x[i], y[i], None if values is None else values[i]) for i in (train, held))
        source = f"arrays in {path}, {how}"
        return restrict(
            Dataset(self.name, one, other, class_names, source, attribute_names=attributes, remarks=tuple(remarks)),
            self.classes,
        )


def _the_file(path: Path) -> Path:
    rule = "`dataset.path` must be an .npz file, or a folder with one"
    files = [path] if path.is_file() else sorted(path.glob("*.npz")) if path.is_dir() else []
    if len(files) == 1:
        path = files[0]
        if not _is_zip(path) or path.suffix in (".pt", ".pth"):  # which torch.save writes as ZIP archives
            if path.suffix == ".npz":
                other = stand_in_at(path) or StandIn("no ZIP archive", "Get it again.")
                raise DataError(f"{path} must be a whole .npz file", found=other.what, way_out=other.way_out)
            raise DataError(rule, found=f"another kind of file, {path}", way_out=hint(path, besides="npz"))
        return path
    if files:
        names = some(file.name for file in files)
        raise DataError(rule, found=f"{len(files)} in {path}: {names}", way_out=f"Type dataset.path={files[0]}.")
    raise DataError(
        rule, found=f"none in {path}" if path.is_dir() else f"nothing at {path}", way_out=hint(path, besides="npz")
    )


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return zipfile.is_zipfile(file)
    except OSError as error:
        raise unreadable(path, error, DataError) from None


def _read(path: Path) -> tuple[dict[str, _Part], list[str]]:
    """The parts of the file with their arrays, and a remark on arrays of other names."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            parts, other = _sorted(file.files)
            for part in parts.values():
                part.arrays = {key: file[key] for key in (part.images, part.labels) if key}
    except PermissionError as error:
        raise unreadable(path, error, DataError) from None
    except UNREADABLE as error:
        pickled = "allow_pickle" in str(error)
        raise DataError(
            f"{path} must be a whole .npz file of numbers",
            found="arrays of Python objects, which could run anything" if pickled else str(error),
            way_out="Save them as arrays of uint8 and int64." if pickled else "Get it again.",
        ) from None
    whole = {name: part for name, part in parts.items() if part.images and part.labels}
    if not whole or len(whole) < len(parts):
        raise DataError(
            f"{path} must hold images and labels, named train_images and train_labels or x_train and y_train",
            found=some([*(key for part in parts.values() for key in (part.images, part.labels) if key), *other])
            or "nothing",
            way_out="Save them so: np.savez(path, images=x, labels=y)",
        )
    if WHOLE in whole and len(whole) > 1:
        raise DataError(f"{path} must be divided into parts or not", found=some(p.images for p in whole.values()))
    return whole, [f"arrays that are not used: {some(other)}"] if other else []


def _sorted(keys: list[str]) -> tuple[dict[str, _Part], list[str]]:
    """Which array is what by its name: ``train_images``, ``x_train``, ``images``."""
    parts: dict[str, _Part] = {}
    other = []
    for key in keys:
        one, _, two = key.lower().rpartition("_")
        part, role = (one, two) if kind_of(one) else (two, one) if kind_of(two) and one else ("", key.lower())
        kind = "images" if role in IMAGES else "labels" if role in LABELS else ""
        if not kind or ((part or WHOLE) in parts and getattr(parts[part or WHOLE], kind)):
            other.append(key)
        else:
            setattr(parts.setdefault(part or WHOLE, _Part()), kind, key)
    return parts, other
