"""What comes out the same in run after run is worked out once: tensors in files that are named by all they depend on.

A name is a digest of the content that went in, of every source file of this package, and of what moves the last bit of
a float: torch, the kind of CPU, its threads. So a file never has to be found out of date; whatever changes asks for
another one. Those that were not read for longest are deleted beyond `MOST_MB`. Thousands of files may lie there, so a
run looks through the folder at the first file that it writes, and again only where its own have filled it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from gsu_cli.errors import CheckpointError, OutputError
from gsu_cli.run.folder_words import chosen_with
from gsu_cli.run.surroundings import surroundings
from gsu_cli.run.tensor_files import digest, read_tensors, write_tensors
from gsu_cli.surgery.ranks import ranks
from gsu_cli.surgery.vectors import Vector

MOST_MB = 1_000
LEFT = 0.9  # share of it that a full folder is emptied to, so that the next file does not fill it again
OWN = re.compile(r"\.?[a-z]+-[0-9a-f]{32}\.safetensors(\.\d+\.part)?")  # nothing else in the folder is ever deleted
log = logging.getLogger(__name__)


@dataclass
class Cache:
    """Where results are kept.

    Attributes:
        folder: of the files; None keeps nothing.
        read, worked_out: how many results were found there, and how many were not.
        writable: False once a result could not be written.
        damaged: how many files could not be read.
        held: bytes of the folder's files when it was last looked through, and of those written since.
    """

    folder: Path | None
    read: int = 0
    worked_out: int = 0
    writable: bool = True
    damaged: int = 0
    held: float = inf


_now: list[Cache] = [Cache(None)]


@contextlib.contextmanager
def cache_in(folder: Path | None) -> Iterator[Cache]:
    """Within, `cached_tensors` reads and writes files of ``folder``; without, and among several ranks, it computes."""
    cache = Cache(folder if ranks().size == 1 else None)  # ranks share the work itself, and must all take part
    if cache.folder is not None:
        chosen_with(cache.folder, "paths.measured_dir=FOLDER")
    _now.append(cache)
    try:
        yield cache
    finally:
        _now.pop()


def is_caching() -> bool:
    """Whether there is such a folder just now; what it costs to name a result is then worth it."""
    return _now[-1].folder is not None


def cached_tensors(kind: str, make: Callable[[], Vector], **content: object) -> Vector:
    """``make()``, or what it gave when it was last called with the same content, to the last bit.

    A damaged file is worked out anew, and a folder that cannot be written keeps nothing; both are said, once.

    Args:
        kind: small letters, the beginning of the file's name.
        make: called where there is no good file; computes on the CPU.
        content: plain values, all that the result depends on beside the code of this package.
    """
    cache = _now[-1]
    if cache.folder is None:
        return make()
    whole = json.dumps({**content, **surroundings()}, sort_keys=True)
    key = hashlib.sha256(whole.encode()).hexdigest()[:32]
    path = cache.folder / f"{kind}-{key}.safetensors"
    found = _read(path, whole, cache)
    if found is not None:
        cache.read += 1
        return found
    cache.worked_out += 1
    made = make()
    if cache.writable:
        _write(path, made, whole, cache)
    return made


def _read(path: Path, content: str, cache: Cache) -> Vector | None:
    if not os.path.exists(path):  # which, unlike Path.exists, never raises
        return None
    try:
        meta, tensors = read_tensors(path)
        if meta.get("content") != content or meta.get("digest") != digest(tensors):
            raise CheckpointError("a file must hold what its name says", found="something else")
    except CheckpointError:
        cache.damaged += 1
        if cache.damaged == 1:
            log.warning("%s is damaged; what it and others like it held is worked out anew", path)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    # copied: a sum may depend on where a tensor begins in memory, and the file's does not begin where torch's do
    return {name: tensor.clone() for name, tensor in tensors.items()}


def _write(path: Path, tensors: Vector, content: str, cache: Cache) -> None:
    try:
        write_tensors(path, tensors, {"content": content, "digest": digest(tensors)})
        cache.held += path.stat().st_size
        if cache.held > MOST_MB * 10**6:
            cache.held = _tidy(path.parent)
    except (OutputError, OSError) as error:
        cache.writable = False
        log.warning("%s keeps nothing for the next run: %s", path.parent, error)


def _tidy(folder: Path) -> int:
    """Deletes what was not used for longest beyond `MOST_MB`, and what was left half-written a day ago; bytes left."""
    found = []
    for entry in os.scandir(folder):
        if OWN.fullmatch(entry.name):
            with contextlib.suppress(FileNotFoundError):  # another process tidies, too
                about = entry.stat()
                found.append((about.st_mtime, about.st_size, entry.path))
    most = MOST_MB * 1e6
    if sum(size for _, size, _ in found) > most:
        most *= LEFT
    held = left = 0
    for when, size, path in sorted(found, reverse=True):
        held += size
        if held > most or (path.endswith(".part") and when < time.time() - 86_400):
            Path(path).unlink(missing_ok=True)
        else:
            left += size
    return left
