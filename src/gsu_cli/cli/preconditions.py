"""What must hold before a line is read: a working directory, and words that can be printed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gsu_cli.errors import OutputError, UsageError


def check(words: Sequence[str]) -> None:
    """Refuses a line that could only fail later, with the wrong reason.

    Args:
        words: of the line, behind the verb.

    Raises:
        OutputError: the working directory was removed; paths that are typed and ``outputs/`` start there.
        UsageError: a word holds bytes that are no text in this locale, of which Python makes lone surrogates.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise OutputError(
            "the working directory must exist", found="one that was removed", way_out="Move to another one with cd"
        ) from None
    for word in words:
        if any("\ud800" <= sign <= "\udfff" for sign in word):
            raise UsageError(
                "every word must be text in the locale's encoding",
                found=word.encode("utf-8", "backslashreplace").decode("utf-8"),
                way_out="Set PYTHONUTF8=1 in the environment, or rename the file or folder that it names",
            )
