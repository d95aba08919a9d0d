"""Errors and texts of somebody else as part of a sentence."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    r"""An error of somebody else's as part of a sentence.

    >>> one_line(RuntimeError("Error(s) in loading:\n\tMissing key(s): 'a'."))
    "Error(s) in loading: Missing key(s): 'a'"
    >>> one_line(KeyError())
    'KeyError'
    """
    return in_one_line(str(error)).rstrip(".") or type(error).__name__


def named(error: Exception) -> str:
    """The same behind the name of its class.

    >>> named(KeyError("a"))
    "KeyError: 'a'"
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def in_one_line(text: str) -> str:
    """``text`` on one line, at most 200 characters of it."""
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:197]}..."
