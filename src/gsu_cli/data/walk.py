"""All files below a folder, with what changes when one of them does; what is passed over is counted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gsu_cli.errors import DataError


class File(NamedTuple):
    """A file: where it is below the folder, and what changes when its content does."""

    parts: tuple[str, ...]
    marks: tuple[int, int, int]  # size, mtime, ctime (ns): unpacking an archive again may put an old mtime back

    @property
    def name(self) -> str:
        """Below the folder, ``cat/001.png``."""
        return "/".join(self.parts)


class Walk(NamedTuple):
    """What is below ``root``, in the order of `Path`: by folder names, one by one.

    Attributes:
        root: the folder.
        files: that are not hidden.
        folders: their parts; those that are not hidden.
        hidden: names of files and folders that begin with a dot, and of the folders that macOS leaves in archives.
    """

    root: Path
    files: list[File]
    folders: list[tuple[str, ...]]
    hidden: list[str]


def walk(root: Path, what: str) -> Walk:
    """Lists ``root`` at any depth; links are followed, but not to a folder that they lie in.

    Args:
        root: the folder.
        what: it should be, for messages: "a folder of class sub-folders".

    Raises:
        DataError: it is no folder, or one in it cannot be listed.
    """
    if not root.is_dir():
        raise DataError(
            f"`dataset.path` must be {what}", found=f"the file {root}" if root.exists() else f"no folder {root}"
        )
    found = Walk(root, [], [], [])
    _into(os.fspath(root), (), found, ())
    found.files.sort()
    found.folders.sort()
    found.hidden.sort()
    return found


def _unprintable(name: str, folder: str) -> DataError:
    """Bytes that are no text come from a locale without Unicode, or from a disk of another one."""
    bytes_ = any("\udc80" <= letter <= "\udcff" for letter in name)
    way_out = "Set PYTHONUTF8=1 in the environment, or rename it" if bytes_ else "Remove or rename it"
    return DataError("names of files and folders must be printable", found=f"{name!r} in {folder}", way_out=way_out)


def _into(folder: str, parts: tuple[str, ...], found: Walk, above: tuple[tuple[int, int], ...]) -> None:
    try:
        stat = os.stat(folder)
        this = stat.st_dev, stat.st_ino
        if this in above:
            return
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.isprintable():  # a record and a terminal could not hold it
                    raise _unprintable(entry.name, folder)
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    found.hidden.append("/".join((*parts, entry.name)))
                elif entry.is_dir():
                    found.folders.append((*parts, entry.name))
                    _into(entry.path, (*parts, entry.name), found, (*above, this))
                else:
                    info = entry.stat()
                    marks = info.st_size, info.st_mtime_ns, info.st_ctime_ns
                    found.files.append(File((*parts, entry.name), marks))
    except OSError as error:
        raise DataError(f"{error.filename or folder} must be readable", found=error.strerror) from None


def digest(root: Path, files: Iterable[File]) -> str:
    """sha256 of place, names and marks of these files, in order: what they are without reading them."""
    h = hashlib.sha256(os.fsencode(root.resolve()))
    for file in files:
        h.update(f"\n{file.name} {file.marks}".encode())
    return h.hexdigest()
