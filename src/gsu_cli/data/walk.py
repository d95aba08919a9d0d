"""All files below a folder, with what changes when one of them does; what is passed over is counted."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from gsu_cli.errors import DataError, unreadable

AT_ONCE = 10_000  # lines of a digest that are joined


class File(NamedTuple):
    """A file: where it is below the folder, and what changes when its content does."""

    parts: tuple[str, ...]
    name: str  # the same in one, ``cat/001.png``; made once, since a folder may hold a million
    marks: tuple[int, int, int]  # size, mtime, ctime (ns): unpacking an archive again may put an old mtime back


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
    collects = gc.isenabled()
    gc.disable()  # of three objects a file all stay, and looking through them for cycles takes as long as the listing
    try:
        _into(os.fspath(root), (), found, ())
    finally:
        if collects:
            gc.enable()
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
        before = "".join(f"{part}/" for part in parts)
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=attrgetter("name")):  # what is sorted already is sorted at once
                name = entry.name
                if not name.isprintable():  # a record and a terminal could not hold it
                    raise _unprintable(name, folder)
                if name.startswith(".") or name == "__MACOSX":
                    found.hidden.append(before + name)
                elif entry.is_dir():
                    found.folders.append((*parts, name))
                    _into(entry.path, (*parts, name), found, (*above, this))
                else:
                    info = entry.stat()
                    marks = info.st_size, info.st_mtime_ns, info.st_ctime_ns
                    found.files.append(File((*parts, name), before + name, marks))
    except OSError as error:
        raise unreadable(error.filename or folder, error, DataError) from None


def digest(root: Path, files: Sequence[File]) -> str:
    """sha256 of place, names and marks of these files, in order: what they are without reading them."""
    h = hashlib.sha256(os.fsencode(root.resolve()))
    for first in range(0, len(files), AT_ONCE):
        some = files[first : first + AT_ONCE]
        h.update("".join([f"\n{name} ({size}, {m}, {c})" for _, name, (size, m, c) in some]).encode())
    return h.hexdigest()
