"""The files of CIFAR-10 and CIFAR-100, as the official archives name them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Form:
    """One of the four archives.

    Attributes:
        folder: its name in the archive.
        train, test: files with images.
        names: files with the names of the labels: one pickle, or a text file each for coarse and fine.
        binary: records of bytes instead of pickles.
        hundred: CIFAR-100, with coarse and fine labels.
    """

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: tuple[str, ...]
    binary: bool
    hundred: bool


FORMS = (
    Form(
        "cifar-10-batches-py",
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        ("test_batch",),
        ("batches.meta",),
        binary=False,
        hundred=False,
    ),
    Form("cifar-100-python", ("train",), ("test",), ("meta",), binary=False, hundred=True),
    Form(
        "cifar-10-batches-bin",
        tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        ("test_batch.bin",),
        ("batches.meta.txt",),
        binary=True,
        hundred=False,
    ),
    Form(
        "cifar-100-binary",
        ("train.bin",),
        ("test.bin",),
        ("coarse_label_names.txt", "fine_label_names.txt"),
        binary=True,
        hundred=True,
    ),
)


def is_cifar(file: Path) -> bool:
    """Whether a file of this name may hold images of CIFAR; "train" and "test" only in the archive's folder."""
    for form in FORMS:
        if file.name in form.train + form.test:
            return file.name not in ("train", "test") or file.parent.name == form.folder
    return False
