"""From an exception to what a person reads: one sentence and an exit code, or a traceback if gsu itself is at fault.

Exit codes: 2 the line or config is wrong; 1 anything else a user can mend; 130 interrupted; 70 a defect.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gsu_cli.cli.app import App
from gsu_cli.cli.broken_packages import as_library_error
from gsu_cli.cli.full_disk import as_full_disk
from gsu_cli.cli.own_line import own_line
from gsu_cli.cli.streams import leave
from gsu_cli.cli.torchrun import cause, said_by_this_one
from gsu_cli.errors import ALLOWED, GsuError, LineError, OutputError
from gsu_cli.run.folder_words import elsewhere
from gsu_cli.run.one_line import named

DEFECT = 70  # EX_SOFTWARE of sysexits.h
_NO_ENTRY = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


@dataclass(frozen=True)
class Complaint:
    """What to print and which code to exit with."""

    sentence: str
    exit_code: int


def complain(error: Exception, app: App, *, where: str = "") -> int:
    """Print what is to be said about `error` on stderr and return the exit code.

    Args:
        error: what escaped.
        app: the line and the configs; suggestions are looked up there.
        where: the cell of a sweep, if it was one.
    """
    error = cause(error)
    complaint = explain(error, app)
    whole = complaint.exit_code == DEFECT or app.full_error
    lines = _traceback(error) if whole else ""
    told = said_by_this_one(error, f"{where + ': ' if where else ''}{complaint.sentence}", lines)
    if told is None:
        return complaint.exit_code
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")  # https://no-color.org
    name = "\033[1;31mgsu:\033[0m" if colour else "gsu:"
    try:
        print(f"{lines}{name} {told}", file=sys.stderr, flush=True)
    except OSError:  # a full disk: the exit code still says what it was
        leave(2)
    return complaint.exit_code


def explain(error: Exception, app: App) -> Complaint:
    """Decide whose mistake it is, and say so."""
    for link in _chain(error):
        if isinstance(link, LineError):
            return _of_a_line(link, app)
        if isinstance(link, GsuError):
            said = _closed(link) or link
            return Complaint(str(said), said.exit_code)
    if "hydra" in sys.modules:
        # imported late: before Hydra is there, nothing can have gone wrong inside it
        from gsu_cli.cli.hydra_errors import as_usage_error

        usage = as_usage_error(error, app)
        if usage is not None:
            return Complaint(str(usage), usage.exit_code)
    for link in _chain(error):
        output = _as_output_error(link)
        if output is not None:
            return Complaint(str(output), output.exit_code)
    if own := own_line(error):
        who = f"the installed package {own.package}" if own.package else "a class of your own"
        return Complaint(
            f"{who} must run without an error; found {named(error).rstrip('.: ')}, from {own.place}. "
            "With GSU_FULL_ERROR=1 in front the line shows how it came there.",
            1,
        )
    for link in _chain(error):
        library = as_library_error(link)
        if library is not None:
            return Complaint(str(library), library.exit_code)
    return Complaint(
        f"this is a defect in gsu, not a mistake of yours ({type(error).__name__}). Please report it with the "
        "lines above, the line you typed, and what `gsu --version` prints.",
        DEFECT,
    )


def _of_a_line(error: LineError, app: App) -> Complaint:
    """What Hydra says of a line that gsu composed, as of one that was typed, with what may have been meant."""
    from gsu_cli.cli.hydra_errors import as_usage_error

    line = replace(app, verb=error.verb, overrides=error.words)
    usage = as_usage_error(error.__cause__, line) if isinstance(error.__cause__, Exception) else None
    if usage is None:
        return Complaint(str(error), error.exit_code)
    where = str(error.found).partition(": ")[0]
    return Complaint(str(LineError(error.rule, found=f"{where}: {usage}")), error.exit_code)


def _closed(error: GsuError) -> GsuError | None:
    """What was found to be nowhere may be in a closed folder: since Python 3.14 a path there says that it is none."""
    try:
        os.stat((str(error.found).split() or [""])[-1])
    except PermissionError as denied:
        return _as_output_error(denied)
    except (OSError, ValueError):  # no path
        pass
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _traceback(error: BaseException) -> str:
    import traceback  # help does without

    return "".join(traceback.format_exception(error))


def _as_output_error(error: BaseException) -> GsuError | None:
    from gsu_cli.run.memory import is_out_of_memory, memory_error  # a run has it already

    if (full := as_full_disk(error)) is not None:
        return full
    if is_out_of_memory(error):
        return memory_error(error)
    if isinstance(error, OSError) and error.errno in _NO_ENTRY:
        return OutputError(
            ALLOWED,
            found=f"{error.filename or 'one'} ({error.strerror})",
            way_out=f"Give it the permission{f' or {elsewhere(Path(str(error.filename)))}' if error.filename else ''}",
        )
    return None
