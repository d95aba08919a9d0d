"""Options against the annotations of the class that takes them, for what a class does not ask by itself.

A class says what it wants of its numbers in words of its own. Whether a path is text or a flag is true or false stands
in its signature, so that no class has to say it again, and one of a user's own neither.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from gsu_cli.errors import UsageError, did_you_mean

LARGEST = 2**63 - 1  # what tensors count with
WORDS: Mapping[Any, str] = {
    int: "an integer", float: "a number", bool: "true or false", str: "text", Path: "a path", type(None): "null",
}  # fmt: skip


def check_arguments(target: Callable[..., Any], options: Mapping[str, Any], key: str) -> None:
    """Refuses options that the target does not take, or not so.

    Args:
        target: class or function.
        options: name -> value.
        key: of the options in the config, for the sentence: "method".

    Raises:
        UsageError: naming the option and what it must be.
    """
    try:
        parameters = inspect.signature(target).parameters
        hints = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (TypeError, ValueError, NameError, AttributeError):
        return  # built in, or annotated with what is not there: nothing is known
    takes_more = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name, value in options.items():
        if name not in parameters:
            if takes_more:
                continue
            known = ", ".join(parameters) or "none"
            raise UsageError(
                f"`{key}` must hold options of {target.__name__}: {known}", found=name,
                way_out=did_you_mean(name, parameters).strip(),
            )  # fmt: skip
        default = parameters[name].default
        same_as_default = type(value) is type(default) and value == default
        if name in hints and not same_as_default and not fits(value, hints[name]):
            found = "null" if value is None else repr(value)
            raise UsageError(
                f"`{key}.{name}` must be {words(hints[name])}",
                found=found,
                way_out=_hint(key, name, value, hints[name]),
            )


def left_out(target: Callable[..., Any], options: Mapping[str, Any]) -> list[str]:
    """Arguments without a default that the options do not hold.

    >>> left_out(lambda lr, steps, scope="all": None, {"steps": 1})
    ['lr']
    """
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return []
    many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in many and p.name not in options]


def fits(value: object, hint: Any) -> bool:
    """Whether a plain value is one of an annotated type; true where the annotation says nothing of plain values.

    >>> fits(1, float), fits(True, int), fits("a", str | None), fits([1, "a"], list[int])
    (True, False, True, False)
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in arguments)
    if origin is Literal:
        return value in arguments
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint in (int, float):
        if isinstance(value, int) and not isinstance(value, bool):
            return abs(value) <= LARGEST
        return hint is float and isinstance(value, float)
    if hint in (str, Path, PathLike):
        return isinstance(value, str | Path)
    kind = origin or hint
    if kind is tuple and arguments and arguments[-1] is not Ellipsis:
        several = isinstance(value, list | tuple) and len(value) == len(arguments)
        return several and all(fits(v, one) for v, one in zip(value, arguments, strict=True))  # type: ignore[call-overload]
    if inspect.isclass(kind) and issubclass(kind, Mapping):
        inner = arguments[1] if len(arguments) == 2 else Any
        return isinstance(value, Mapping) and all(fits(v, inner) for v in value.values())
    if inspect.isclass(kind) and issubclass(kind, Iterable) and kind.__module__ in ("builtins", "collections.abc"):
        inner = arguments[0] if arguments else Any
        return isinstance(value, list | tuple) and all(fits(v, inner) for v in value)
    return True


def _choices(hint: Any) -> tuple[Any, ...]:
    """The values that a type lists, those of a union's parts included."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return tuple(choice for one in arguments for choice in _choices(one))
    return arguments if origin is Literal else ()


def words(hint: Any) -> str:
    """The type in words.

    >>> words(int | None), words(list[str])
    ('an integer or null', 'a list')
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(words, arguments)))
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    kind = origin or hint
    if kind in WORDS:
        return WORDS[kind]
    if inspect.isclass(kind) and issubclass(kind, Mapping):
        return "a mapping"
    return "a list" if inspect.isclass(kind) and issubclass(kind, Iterable) else str(getattr(kind, "__name__", kind))


def _hint(key: str, name: str, value: object, hint: Any) -> str:
    if isinstance(value, str) and (near := did_you_mean(value, map(str, _choices(hint)))):
        return near.strip()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        return "That is more than 64 bits hold"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"""For a number as text put it in quotes twice: '{key}.{name}="{value}"'"""
    return ""
