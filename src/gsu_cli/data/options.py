"""Options that several data sets share, checked."""

from __future__ import annotations

from pathlib import Path

from gsu_cli.checks import is_number
from gsu_cli.errors import UsageError


def check_named(path: object, name: object, choice: str) -> tuple[Path, str]:
    """`dataset.path` and `dataset.name`.

    Raises:
        UsageError: one of them is missing.
    """
    for key, value in (("path", path), ("name", name)):
        if value is None or not str(value).strip():
            raise UsageError(f"`dataset.{key}` must be set for dataset={choice}", found="nothing")
    return Path(str(path)).expanduser(), str(name)


def check_images(size: object, channels: object) -> tuple[int | None, int | None]:
    """`dataset.size` and `dataset.channels`.

    Raises:
        UsageError: one of them is out of range.
    """
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 4096):
        raise UsageError("`dataset.size` must be a whole number of pixels in 1..4096", found=repr(size))
    if channels is not None and (isinstance(channels, bool) or not isinstance(channels, int) or channels not in (1, 3)):
        raise UsageError("`dataset.channels` must be 1 (grey) or 3 (RGB)", found=repr(channels))
    return size, channels


def check_draw(fraction: object, seed: object) -> tuple[float, int]:
    """`dataset.heldout_fraction` and `dataset.split_seed`.

    Raises:
        UsageError: one of them is out of range.
    """
    if not is_number(fraction) or not 0 < float(fraction) < 1:
        raise UsageError("`dataset.heldout_fraction` must be a number strictly between 0 and 1", found=repr(fraction))
    if isinstance(seed, bool) or not isinstance(seed, int) or not -(2**63) <= seed < 2**63:
        raise UsageError("`dataset.split_seed` must be a whole number of at most 63 bits", found=repr(seed))
    return float(fraction), seed
