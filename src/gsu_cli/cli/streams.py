"""The standard streams of a line: closed ones, those without Unicode, a full disk, a pipe that nobody reads."""

from __future__ import annotations

import codecs
import errno
import os
import stat
import sys
from contextlib import suppress

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
PIPE_CLOSED = 141  # 128 + SIGPIPE
IN_LETTERS = {"±": "+/-", "↓": "v", "↑": "^", "−": "-", "─": "-", "×": "x", "·": ".", "…": "..."}


def stand_in_for_closed_streams() -> None:
    """A line may be started without standard streams (``gsu ... >&-``, some daemons): what is said there goes nowhere.

    The lowest free number is that of the closed stream, so no file of the run gets it, and nothing is written into one
    by what writes to a number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def write_what_there_is_a_letter_for() -> None:
    """Of a terminal or a pipe that is no Unicode (``LC_ALL=C``): a sign it lacks is written in others, no error."""
    for stream in (sys.stdout, sys.stderr):
        encoding = str(getattr(stream, "encoding", None) or "utf-8").lower()
        if encoding.replace("-", "") not in ("utf8", "utf16", "utf32") and hasattr(stream, "reconfigure"):
            codecs.register_error("gsu", _in_letters)
            stream.reconfigure(errors="gsu")


def _in_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(IN_LETTERS.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def leave_closed_pipe() -> int:
    """The exit code of a line whose reader has gone."""
    leave(1)
    return PIPE_CLOSED


def leave(number: int) -> None:
    """What is still to be written to a stream goes nowhere: else Python would complain of it as it ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def stdout_is_full() -> bool:
    """Whether the disk that standard output was sent to has no room (``gsu show > /full/file``, ``> /dev/full``)."""
    try:
        sys.stdout.flush()
        number = sys.stdout.fileno()
        kind = os.fstat(number).st_mode
        if stat.S_ISCHR(kind) and not os.isatty(number):
            os.write(number, b"")
        return stat.S_ISREG(kind) and os.fstatvfs(number).f_bavail == 0
    except (OSError, ValueError) as error:
        return getattr(error, "errno", None) in NO_ROOM  # others: a stream without a number, which has no disk
