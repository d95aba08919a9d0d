"""A package that gsu needs and that does not load: what is installed is to blame, or a limit on memory, not gsu."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gsu_cli.errors import GsuError
from gsu_cli.run.one_line import named

OWN = __name__.partition(".")[0]
NO_ROOM = ("failed to map segment", "Cannot allocate memory", "cannot allocate memory")  # as the system's loader says


def as_library_error(error: BaseException) -> GsuError | None:
    """One sentence for an import that failed outside of gsu; None for any other error.

    Args:
        error: that escaped, and in which no class of one's own took part.
    """
    if not isinstance(error, ImportError | OSError):
        return None
    if isinstance(error, OSError) and (error.errno is not None or "ctypes" not in _tops(error)):
        return None  # of a file, not of the system's loader
    asked = (getattr(error, "name", None) or "").partition(".")[0]
    if asked == OWN:
        return None
    package = next((top for top in _tops(error) if top != OWN and top not in sys.stdlib_module_names), asked)
    room = any(words in str(error) for words in NO_ROOM)
    return GsuError(
        "the packages that gsu needs must load",
        found=f"{named(error).rstrip('.: ')}{f', from {package}' if package else ''}",
        way_out="Raise the limit on memory: ulimit -v unlimited"
        if room
        else f"Install it again: pip install --force-reinstall {package or asked}",
    )


def _tops(error: BaseException) -> Iterator[str]:
    """Top packages of the code that ran, from gsu's last frame on."""
    found: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        top = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        found = [OWN] if top == OWN else [*found, top]
        trace = trace.tb_next
    return iter(found)
