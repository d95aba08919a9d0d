"""Options of a model, checked."""

from __future__ import annotations

from collections.abc import Sequence

from gsu_cli.errors import UsageError


def whole(name: str, value: object, least: int = 1) -> int:
    """``value`` as the option ``model.<name>`` that must be a whole number.

    Raises:
        UsageError: it is none, or under ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"`model.{name}` must be an integer >= {least}", found=repr(value))
    return value


def wholes(name: str, values: object, least: int = 1, *, empty: bool = False) -> tuple[int, ...]:
    """``values`` as the option ``model.<name>`` that must be a list of whole numbers, at least one unless ``empty``.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not (empty or len(values)):
        at_least = "" if empty else ", at least one"
        raise UsageError(f"`model.{name}` must be a list of integers{at_least}", found=repr(values))
    return tuple(whole(f"{name}[{i}]", value, least) for i, value in enumerate(values))


def image_shape(values: object) -> tuple[int, int, int]:
    """``values`` as channels, height and width.

    Raises:
        UsageError: they are not three whole numbers >= 1.
    """
    shape = wholes("shape", values)
    if len(shape) != 3:
        raise UsageError("`model.shape` must be channels, height and width", found=list(shape))
    return shape[0], shape[1], shape[2]
