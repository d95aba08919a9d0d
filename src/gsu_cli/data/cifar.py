"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): the archives' pickles, read without running them, or their binary files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsu_cli.checks import as_choice
from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.cifar_names import FORMS, Form
from gsu_cli.data.labels import restrict
from gsu_cli.data.part_names import some
from gsu_cli.data.recognise import hint
from gsu_cli.data.safe_pickle import read_pickle
from gsu_cli.errors import DataError, UsageError, unreadable

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
WHICH = {"fine": ("fine_labels", "fine_label_names"), "coarse": ("coarse_labels", "coarse_label_names")}
AGAIN = "Get the archive again and unpack it."


class Cifar:
    """32 x 32 RGB photographs of 10 or 100 classes: 50,000 to train on, 10,000 held out.

    Args:
        path: the unpacked archive's folder (``cifar-10-batches-py``, ``cifar-100-python``, ``cifar-10-batches-bin``,
            ``cifar-100-binary``), or the folder it lies in.
        name: what this data set is called in records and messages; None is "cifar10" or "cifar100".
        labels: "fine" or "coarse": which of the labels of CIFAR-100.
        classes: labels or names to keep; None keeps all.

    Raises:
        UsageError: an argument is missing or wrong.
    """

    def __init__(self, path: str, name: str | None = None, labels: str = "fine", classes: object = None) -> None:
        if path is None or not str(path).strip():
            raise UsageError("`dataset.path` must be set for dataset=cifar", found="nothing")
        as_choice("dataset.labels", labels, tuple(WHICH))
        self.path, self.name, self.labels, self.classes = Path(path).expanduser(), name, labels, classes

    def load(self) -> Dataset:
        """Reads and checks every file.

        Raises:
            DataError: the folder holds no CIFAR, or both, or files are missing or damaged.
            UsageError: coarse labels of CIFAR-10, or `dataset.classes` names a class that is not there.
        """
        form, folder = _find(self.path)
        if self.labels == "coarse" and not form.hundred:
            raise UsageError("`dataset.labels=coarse` must be asked of CIFAR-100", found=f"CIFAR-10 in {folder}")
        missing = [name for name in form.train + form.test + form.names if not (folder / name).is_file()]
        if missing:
            raise DataError(f"{folder} must hold all of its files", found=f"no {some(missing)}", way_out=AGAIN)
        read = self._binary if form.binary else self._pickled
        train, heldout = (_joined([read(folder / name, form) for name in part]) for part in (form.train, form.test))
        names = self._names(folder, form)
        most = int(torch.cat([train.labels, heldout.labels]).max())
        if most >= len(names):
            raise DataError(f"{folder} must name each of its labels", found=f"{len(names)} names and the label {most}")
        occurring = torch.cat([train.labels, heldout.labels]).unique().tolist()
        called = f"CIFAR-{100 if form.hundred else 10}{f', {self.labels} labels' if form.hundred else ''}"
        dataset = Dataset(
            self.name or f"cifar{100 if form.hundred else 10}",
            train,
            heldout,
            {label: names[label] for label in occurring},
            f"{called} in {folder}",
        )
        return restrict(dataset, self.classes)

    def _pickled(self, path: Path, form: Form) -> Images:
        batch = read_pickle(path)
        key = WHICH[self.labels][0] if form.hundred else "labels"
        if not isinstance(batch, dict) or not {"data", key} <= set(batch):
            found = some(map(str, batch)) if isinstance(batch, dict) else type(batch).__name__
            raise DataError(f"{path} must hold data and {key}", found=found or "nothing", way_out=AGAIN)
        data, labels = batch["data"], batch[key]
        shape = getattr(data, "shape", None)
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != PIXELS:
            raise DataError(f"data in {path} must be (n, {PIXELS}) bytes", found=shape or type(data).__name__)
        values = labels.tolist() if isinstance(labels, np.ndarray) else labels
        integers = isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
        if not integers or len(values) != len(data):
            raise DataError(f"{key} in {path} must be a label for each of {len(data):,} images", found="something else")
        return _images(data, torch.tensor(values), path)

    def _binary(self, path: Path, form: Form) -> Images:
        ahead = 2 if form.hundred else 1  # bytes of labels before the pixels: coarse and fine, or one
        try:
            raw = np.fromfile(path, dtype=np.uint8)
        except OSError as error:
            raise unreadable(path, error, DataError) from None
        if len(raw) % (ahead + PIXELS):
            rule = f"{path} must hold whole records of {ahead + PIXELS} bytes"
            raise DataError(rule, found=f"{len(raw):,} bytes", way_out=AGAIN)
        records = raw.reshape(-1, ahead + PIXELS)
        column = 0 if self.labels == "coarse" or not form.hundred else 1
        return _images(records[:, ahead:], torch.from_numpy(records[:, column].astype(np.int64)), path)

    def _names(self, folder: Path, form: Form) -> list[str]:
        key = WHICH[self.labels][1] if form.hundred else "label_names"
        if not form.binary:
            path = folder / form.names[0]
            found: Any = read_pickle(path)
            words = found.get(key) if isinstance(found, dict) else None
        else:
            path = folder / (f"{key}.txt" if form.hundred else form.names[0])
            words = path.read_bytes().split()
        if not words or not all(isinstance(word, str | bytes) for word in words):
            raise DataError(f"{path} must hold {key}", found="none", way_out=AGAIN)
        return [word.decode(errors="replace") if isinstance(word, bytes) else word for word in words]


def _find(path: Path) -> tuple[Form, Path]:
    found = [
        (form, folder)
        for form in FORMS
        for folder in (path, path / form.folder)
        if any((folder / name).is_file() for name in form.train) and (folder / form.names[0]).is_file()
    ]
    if not found:
        folders = ", ".join(form.folder for form in FORMS)
        raise DataError(
            f"`dataset.path` must be one of {folders}, unpacked, or hold one",
            found=f"none in {path}" if path.is_dir() else f"no folder {path}",
            way_out=hint(path, besides="cifar"),
        )
    if len(found) > 1:
        raise DataError(
            f"{path} must hold one CIFAR",
            found=some(str(folder) for _, folder in found),
            way_out=f"Type dataset.path={found[0][1]}.",
        )
    return found[0]


def _images(data: NDArray[np.uint8], labels: Tensor, path: Path) -> Images:
    if not len(data):
        raise DataError(f"{path} must hold images", found="none", way_out=AGAIN)
    return Images(torch.from_numpy(np.array(data)).reshape(-1, *SHAPE), labels)


def _joined(batches: list[Images]) -> Images:
    return Images(torch.cat([b.pixels for b in batches]), torch.cat([b.labels for b in batches]))
