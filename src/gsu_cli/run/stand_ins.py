"""What may lie where a file of data or weights should: a pointer of Git LFS, a web page, an archive that holds it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StandIn:
    """A file that is not what its name says.

    Attributes:
        what: it is, in words.
        way_out: how one comes from it to the file that was meant.
    """

    what: str
    way_out: str


LFS = StandIn("a pointer of Git LFS, not the file itself", "Fetch the file: git lfs pull")
PAGE = StandIn("a web page", "Get the file again: its server sent a page instead, as where one must log in")
PACKED = StandIn("a packed file or an archive", "Name what is in it, unpacked")

BEGINS = {
    b"version https://git-lfs": LFS,
    b"<!doctype html": PAGE,
    b"<html": PAGE,
    b"<?xml": PAGE,
    b"\x1f\x8b": PACKED,  # gzip
    b"bzh": PACKED,
    b"\xfd7zxz\0": PACKED,
    b"7z\xbc\xaf\x27\x1c": PACKED,
    b"\x28\xb5\x2f\xfd": PACKED,  # Zstandard
    b"rar!\x1a\x07": PACKED,
}
"""First bytes, with small letters."""
TAR = slice(257, 262)
"""Where a tar archive says that it is one."""


def stand_in(head: bytes) -> StandIn | None:
    r"""What a file is that begins so, where no data set and no weights begin so.

    Args:
        head: its first bytes, 262 of them where there are as many.

    >>> stand_in(b"version https://git-lfs.github.com/spec/v1").what, stand_in(b"\\x89PNG")
    ('a pointer of Git LFS, not the file itself', None)
    """
    small = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    found = next((what for begin, what in BEGINS.items() if small.startswith(begin)), None)
    return found or (PACKED if head[TAR] == b"ustar" else None)


def stand_in_at(path: Path) -> StandIn | None:
    """`stand_in` of a file; None where it cannot be read, as whoever reads it will say."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return stand_in(file.read(TAR.stop))
    return None
