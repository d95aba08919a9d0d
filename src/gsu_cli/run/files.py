"""Writing so that a file under its final name is always whole: temporary sibling, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gsu_cli.errors import OutputError
from gsu_cli.run.broken_links import reason
from gsu_cli.run.folder_words import elsewhere

FULL = "the disk is full"


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; on success it becomes ``path``, on any failure nothing remains.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as f:
            os.fsync(f.fileno())
        temporary.replace(path)
    except OSError as e:
        raise _unwritable(path, e) from e
    finally:
        with contextlib.suppress(OSError):  # it may be why we are here, and must not hide it
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """The same of a folder: yields the path of a temporary one that does not exist yet; one of that name gives way.

    Raises:
        OutputError: it cannot be written or the disk is full.
    """
    temporary, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if path.exists():
            path.replace(old)
        temporary.replace(path)
    except OSError as e:
        raise _unwritable(path, e) from e
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)


def _unwritable(path: Path, e: OSError) -> OutputError:
    full = e.errno in (errno.ENOSPC, errno.EDQUOT)
    why = FULL if e.errno == errno.ENOSPC else reason(path.absolute(), e)
    why = why if "link to" in why else why.lower()
    other = elsewhere(path)
    way_out = f"Free space or {other}" if full else other[0].upper() + other[1:]
    return OutputError(f"{path} must be writable", found=why, way_out=way_out)


def write_text(path: Path, text: str) -> None:
    """Writes ``text`` as UTF-8, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes."""
    h = hashlib.sha256()
    with path.open("rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()
