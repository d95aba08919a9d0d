"""Why a file or folder could not be made, where the system's own word, "file exists", would send one astray."""

from __future__ import annotations

import os
from pathlib import Path


def reason(path: Path, error: OSError) -> str:
    """What kept ``path`` from being made, as part of a sentence.

    >>> reason(Path("/results"), PermissionError(13, "Permission denied"))
    'Permission denied'
    """
    link = next((p for p in (path, *path.parents) if p.is_symlink() and not p.exists()), None)
    if link is None:
        return error.strerror or str(error)
    where = "" if link == path else f"{link} is "
    return f"{where}a link to {os.readlink(link)}, which is not there"
