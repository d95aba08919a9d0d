"""What a folder or file holds, by names alone: the way from one `dataset=` to the one that was meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from gsu_cli.data.celeba_files import ATTRIBUTES as CELEBA
from gsu_cli.data.cifar_names import is_cifar
from gsu_cli.data.idx_format import NAME as IDX
from gsu_cli.data.image_files import SUFFIXES
from gsu_cli.data.metadata_rows import NAMES as METADATA
from gsu_cli.errors import DataError, near_path

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")
ARRAYS = "put its images and labels into an .npz, np.savez(path, images=x, labels=y), which dataset=npz reads"
MADE = {
    **dict.fromkeys((".npy", ".mat", ".h5", ".hdf5", ".pt", ".pth", ".pkl", ".pickle", ".tfrecord"), ARRAYS),
    ".arrow": "save it with to_parquet() of datasets.load_from_disk(folder)[part], which dataset=parquet reads",
}
"""Endings of what no data set reads, and how it becomes what one does."""
MOST = 2000  # files that are looked at; a hint must not take long
KINDS = {
    "npz": "NumPy arrays in an .npz file",
    "parquet": "Parquet files",
    "cifar": "the batches of CIFAR",
    "idx": "IDX files",
    "celeba": "CelebA's files",
    "folder": "image files",
}


def with_hint(error: DataError, path: Path, *, besides: str) -> DataError:
    """The same, its way out with what else is at ``path``; see `hint`."""
    way_out = f"{error.way_out} {hint(path, besides=besides)}".strip()
    return DataError(error.rule, found=error.found, way_out=way_out)


def hint(path: Path, *, besides: str, named: str = "") -> str:
    """``"pets.npz: dataset=npz reads NumPy arrays ..."`` for what else is at ``path``, or the empty string.

    Of what is not there, the name beside it that is nearest.

    Args:
        path: a file or folder; may be missing.
        besides: the data set that was chosen and did not find what it needs.
        named: letters that the file's name must have.
    """
    if not path.exists():
        return near_path(path).strip()
    try:
        seen: dict[str, Path] = {}
        for file in _files(path, named):
            kind = kind_of(file)
            if kind is not None:
                seen.setdefault(kind, file)
    except OSError:
        return ""
    for kind, what in KINDS.items():
        if kind in seen and kind != besides:
            return f"There is {seen[kind]}: dataset={kind} reads {what}."
    if "archive" in seen:
        return f"There is {seen['archive']}: unpack it first."
    return next((f"There is {seen[ending]}: {how}." for ending, how in MADE.items() if ending in seen), "")


def kind_of(file: Path) -> str | None:
    """The choice of `dataset=` that reads a file of this name, "archive", a key of `MADE`, or None."""
    name = file.name.lower()
    if name.endswith(".npz"):
        return "npz"
    if name.endswith(".parquet") and name not in METADATA:
        return "parquet"
    if is_cifar(file):
        return "cifar"
    if IDX.fullmatch(file.name):
        return "idx"
    if file.name in CELEBA:
        return "celeba"
    if file.suffix.lower() in SUFFIXES or file.name in METADATA:
        return "folder"
    return "archive" if name.endswith(ARCHIVES) else next((ending for ending in MADE if name.endswith(ending)), None)


def _files(path: Path, named: str) -> Iterator[Path]:
    """``path``, or the files in it and in folders to a depth of three, with these letters in their names."""
    if path.is_file():
        if named in path.name:
            yield path
        return
    left, folders = MOST, [(path, 0)]
    while folders:
        folder, depth = folders.pop(0)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if folder.is_dir() else []
        for entry in entries[:left]:  # without asking the disk for each: a cache holds thousands
            if _is(entry, entry.is_dir, os.path.isdir) and depth < 3 and not entry.name.startswith("."):
                folders.append((Path(entry.path), depth + 1))
            elif named in entry.name and _is(entry, entry.is_file, os.path.isfile):
                yield Path(entry.path)
        left -= len(entries)
        if left <= 0:
            return


def _is(entry: os.DirEntry[str], known: Callable[..., bool], asked: Callable[[str], bool]) -> bool:
    """Of a link what it leads to; one that leads nowhere is neither."""
    return asked(entry.path) if entry.is_symlink() else known(follow_symlinks=False)
