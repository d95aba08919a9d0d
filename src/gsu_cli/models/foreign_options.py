"""Options in a JSON config of another library: whether its class takes them, and as what JSON wrote them.

The library would say the first in words of Python, and not see the second: the text "false" counts as true.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from gsu_cli.checks import quoted
from gsu_cli.errors import CheckpointError, did_you_mean

TEXT, NUMBER, FLAG, LIST = "a text", "a number", "true or false", "a list"
OF_KIND = {str: (TEXT,), int: (NUMBER,), float: (NUMBER,), bool: (FLAG, NUMBER), tuple: (LIST,), list: (LIST,)}
"""As what JSON may write a value of each kind; 0 and 1 are true or false, too."""
COPY = "copy the folder again"


def check_options(kind: type, options: Mapping[str, Any], path: str) -> None:
    """Refuses options that a class does not have, and values that JSON wrote as something else.

    Args:
        kind: the library's class; the annotations of its constructor say what it takes.
        options: of the config.
        path: of the config, for messages.

    Raises:
        CheckpointError: names the option.
    """
    known = get_type_hints(kind.__init__)  # type: ignore[misc]  # of a class that is at hand
    unknown = [key for key in options if key not in known]
    if unknown:
        raise CheckpointError(
            f"{path} must hold options of {kind.__name__} alone, as this release has them",
            found=", ".join(unknown),
            way_out=f"{did_you_mean(unknown[0], known)}Take it out, or install the release that wrote it",
        )
    for key, value in options.items():
        _check(f"{key} in {path}", value, _ways(known[key]))


def _check(name: str, value: Any, ways: dict[str, set[str]] | None) -> None:
    if ways is None or value is None:
        return
    if _written(value) not in ways:
        raise CheckpointError(
            f"{name} must be {' or '.join(ways)}",
            found=quoted(value),
            way_out=_unquoted(value, ways),
        )
    if isinstance(value, list | tuple) and ways[LIST]:
        for entry in value:
            if _written(entry) not in ways[LIST]:
                raise CheckpointError(
                    f"each entry of {name} must be {' or '.join(sorted(ways[LIST]))}",
                    found=quoted(entry),
                    way_out=_unquoted(entry, ways[LIST]),
                )


def _ways(hint: Any) -> dict[str, set[str]] | None:
    """As what JSON may write a value, and the entries of a list; None where the annotation does not tell."""
    found: dict[str, set[str]] = {}
    for one in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        if one is type(None):
            continue
        kind = get_origin(one) or one
        if getattr(kind, "__module__", "") == "numpy":  # an array stands in JSON as a list
            continue
        if kind not in OF_KIND:  # a choice of words, which are asked for where they are known
            return None
        entries = {way for entry in get_args(one) for way in OF_KIND.get(entry, ())}
        for way in OF_KIND[kind]:
            found.setdefault(way, set()).update(entries)
    return found


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return FLAG
    if isinstance(value, int | float):
        return NUMBER
    return LIST if isinstance(value, list | tuple) else TEXT if isinstance(value, str) else type(value).__name__


def _unquoted(value: Any, ways: Iterable[str]) -> str:
    if isinstance(value, str):
        try:
            plain = json.loads(value.lower())
        except ValueError:
            plain = None
        if plain is not None and _written(plain) in ways:
            return f"Write {json.dumps(plain)} without quotes, or {COPY}"
    return COPY.capitalize()
