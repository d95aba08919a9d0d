"""Finished cells on disk: one folder each, named by the content that decides its numbers.

A folder under its final name is whole: a cell works in ``<key>.part`` and is renamed when it has ended, done or failed.
What a killed process leaves is a ``.part`` that nobody holds; the next one to want it empties it. The kernel drops a
dead process's lock, so none is left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gsu_cli.errors import GsuError
from gsu_cli.run.files import sha256_of
from gsu_cli.run.record import Record, read_record, write_record

CELLS = "cells"  # folder of the runs themselves, shared by all tables
LOCK = ".lock"
WEIGHTS = ".safetensors"  # a checkpoint may be given as the folder that holds it
NAMES_A_FILE = ("path", "retrained", "sample")  # keys whose value may be the bare name of a file


def content_key(config: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """First 16 hex digits of the sha256 over a resolved config and over the identity of what it reads.

    Args:
        config: plain values; the names of folders in it should be neutral.
        inputs: digests by name, and the version of gsu.
    """
    text = json.dumps({"config": config, "inputs": inputs}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def files_in(config: object, *, key: object = "") -> dict[str, str]:
    """sha256 of every file that a string in the config names: weights, alone or in a folder, lists of indices.

    A word alone is a choice and no file, but where a ``key`` of `NAMES_A_FILE` says otherwise.
    """
    if isinstance(config, str) and ("." in config or "/" in config or key in NAMES_A_FILE):
        path = Path(config).expanduser()
        try:
            if path.is_dir():
                return {f"{config}/{inside.name}": sha256_of(inside) for inside in sorted(path.glob(f"*{WEIGHTS}"))}
            return {config: sha256_of(path)} if path.is_file() else {}
        except OSError:  # too long for a name, or not ours to read: whoever needs it will say so
            return {}
    entries = config.items() if isinstance(config, Mapping) else [(key, v) for v in _listed(config)]
    found: dict[str, str] = {}
    for name, value in entries:
        found |= files_in(value, key=name)
    return found


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


class Store:
    """The cells below one folder.

    Args:
        folder: of all cells; made when the first is run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """The folder of a cell that has ended."""
        return self.folder / key

    def read(self, key: str) -> Record | None:
        """The record of a cell that has ended, done or not; None where there is none that can be read."""
        try:
            return read_record(self.path(key))
        except GsuError:
            return None

    def is_done(self, key: str) -> bool:
        """Whether the cell's own record says so."""
        record = self.read(key)
        return record is not None and record.status == "done"

    @contextlib.contextmanager
    def working_on(self, key: str) -> Iterator[Path]:
        """An empty folder in which to run the cell, held by this process alone; waits for whoever holds it."""
        part = self.folder / f"{key}.part"
        held = _hold(part)
        try:
            for left in part.iterdir():
                if left.is_dir():
                    shutil.rmtree(left)
                elif left.name != LOCK:
                    left.unlink()
            yield part
        finally:
            os.close(held)

    def keep(self, key: str, part: Path) -> None:
        """Gives the folder of a cell that has ended its final name, in place of an earlier failure."""
        shutil.rmtree(self.path(key), ignore_errors=True)
        part.rename(self.path(key))
        (self.path(key) / LOCK).unlink()  # not before: who waits for it would begin anew in the folder

    def fail(self, key: str, record: Record) -> None:
        """Keeps a record that says why a cell failed, for one that could not do so itself."""
        with self.working_on(key) as part:
            if self.is_done(key):  # another process has ended it meanwhile
                return
            write_record(part, record)
            self.keep(key, part)


def _hold(part: Path) -> int:
    """A descriptor whose lock keeps others out of ``part`` until it is closed or the process ends."""
    while True:
        part.mkdir(parents=True, exist_ok=True)
        try:
            held = os.open(part / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:  # renamed in between by the one who held it
            continue
        fcntl.flock(held, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(part / LOCK).st_ino == os.fstat(held).st_ino:
                return held
        os.close(held)
