"""What an option may be, and the sentence where it is not. Every check returns the value as the type that it asks for.

A key is the whole one, as it is typed: ``method.steps``, ``model.width``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeGuard

from gsu_cli.errors import UsageError, did_you_mean

LEAST_SHARE = 1e-9  # far below what float32 tells apart, 6e-8 of a loss
MOST = 3.4e38  # what float32 holds: torch refuses to multiply by more
LONGEST = 2**63 - 1  # what torch counts to
SCALED = "scale the images by dataset.size, which folder, parquet, celeba and avatars have"  # a way out


def is_int(value: object, least: int) -> bool:
    """An integer of at least ``least`` that torch can count to; True is no number."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LONGEST


def is_number(value: object) -> TypeGuard[float]:
    """A number that float32 holds; True is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST  # false for nan


def as_choice(key: str, value: object, choices: Sequence[str]) -> str:
    """A word among ``choices``.

    Raises:
        UsageError: it is not among them; with the nearest choice.
    """
    if value not in choices:
        near = "" if value is None else did_you_mean(str(value), choices).strip()
        raise UsageError(
            f"`{key}` must be one of {', '.join(choices)}", found="null" if value is None else value, way_out=near
        )
    return str(value)


def as_choices(key: str, values: object, choices: Sequence[str]) -> tuple[str, ...]:
    """A list of different words among ``choices``, at least one.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not len(values):
        raise UsageError(
            f"`{key}` must be a list of words, at least one", found=quoted(values), way_out=f"Type [{choices[0]}]"
        )
    found = tuple(as_choice(f"{key}[{i}]", value, choices) for i, value in enumerate(values))
    if twice := next((word for word in found if found.count(word) > 1), None):
        raise UsageError(f"`{key}` must name each word once", found=f"{twice} twice")
    return found


def as_int(key: str, value: object, least: int = 1) -> int:
    """An integer of at least ``least``.

    Raises:
        UsageError: it is none.
    """
    if not is_int(value, least):
        if isinstance(value, int) and value > LONGEST:
            raise UsageError(f"`{key}` must be an integer below 2^63", found=value)
        whole = isinstance(value, float) and value.is_integer() and value >= least  # 1e4 is no integer to Hydra
        way_out = f"Type {key}={int(value)}" if whole else ""  # type: ignore[call-overload]
        raise UsageError(f"`{key}` must be an integer >= {least}", found=quoted(value), way_out=way_out)
    return int(value)  # type: ignore[call-overload, no-any-return]


def as_ints(key: str, values: object, least: int = 1, *, empty: bool = False) -> tuple[int, ...]:
    """A list of integers of at least ``least``, at least one unless ``empty``.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not (empty or len(values)):
        at_least = "" if empty else ", at least one"
        raise UsageError(f"`{key}` must be a list of integers{at_least}", found=quoted(values))
    return tuple(as_int(f"{key}[{i}]", value, least) for i, value in enumerate(values))


def as_shape(key: str, values: object) -> tuple[int, int, int]:
    """Channels, height and width.

    Raises:
        UsageError: they are not three integers >= 1.
    """
    shape = as_ints(key, values)
    if len(shape) != 3:
        raise UsageError(f"`{key}` must be channels, height and width", found=list(shape))
    return shape[0], shape[1], shape[2]


def as_share(key: str, value: object) -> float:
    """A share in (0, 1], a budget for example.

    Raises:
        UsageError: it is none.
    """
    if not (is_number(value) and 0 < float(value) <= 1):
        raise UsageError(f"`{key}` must be a share in (0, 1], 0.01 being 1 %", found=quoted(value))
    if float(value) < LEAST_SHARE:
        rule = f"`{key}` must be at least {LEAST_SHARE:g}: what changes a loss by less is rounding"
        raise UsageError(rule, found=quoted(value))
    return float(value)


def as_shares(key: str, values: object) -> tuple[float, ...]:
    """A list of shares in (0, 1) that ascend, at least one.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not len(values):
        raise UsageError(f"`{key}` must be a list of shares, at least one", found=quoted(values))
    found = tuple(as_share(f"{key}[{i}]", value) for i, value in enumerate(values))
    if tuple(sorted(set(found))) != found or found[-1] >= 1:
        raise UsageError(f"`{key}` must ascend, and stay below 1", found=list(values))
    return found


def as_flag(key: str, value: object) -> bool:
    """True or false; Hydra reads `no` as a word, which would count as true.

    Raises:
        UsageError: it is neither.
    """
    if not isinstance(value, bool):
        raise UsageError(f"`{key}` must be true or false", found="null" if value is None else value)
    return value


def as_number(
    key: str, value: object, *, least: float = -math.inf, more_than: float = -math.inf, most: float = math.inf
) -> float:
    """A finite number within the bounds.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, int | float) and MOST < abs(value) < math.inf and least <= value <= most and value > more_than:
        raise UsageError(f"`{key}` must be a number that float32 holds, of at most {MOST:g}", found=value)
    if not is_number(value) or not (least <= value <= most and value > more_than):
        low = f" > {more_than:g}" if more_than > -math.inf else f" >= {least:g}" if least > -math.inf else ""
        high = f" and <= {most:g}" if most < math.inf else ""
        raise UsageError(f"`{key}` must be a finite number{low}{high}", found=quoted(value))
    return float(value)


def as_numbers(key: str, value: object, *, more_than: float) -> list[float]:
    """One number, or several to compare, each above the bound and none of them twice.

    Raises:
        UsageError: one is none.
    """
    if isinstance(value, list | tuple) and not value:
        raise UsageError(f"`{key}` must be one number or several", found=value, way_out=f"Type {key}=[1,10], say")
    several = value if isinstance(value, list | tuple) else [value]
    return list(dict.fromkeys(as_number(key, v, more_than=more_than) for v in several))


def quoted(value: object) -> object:
    """A word in quotes, so that '3' is not taken for 3; nothing as it is typed; anything else as it is."""
    return "null" if value is None else repr(value) if isinstance(value, str) else value
