"""What an option of a method may be; the sentence where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gsu_cli.errors import UsageError, did_you_mean


def check_choice(key: str, value: object, choices: Sequence[str]) -> None:
    """Refuses a word that is not among ``choices``.

    Raises:
        UsageError: with the nearest choice.
    """
    if value not in choices:
        near = did_you_mean(str(value), choices).strip()
        raise UsageError(f"`method.{key}` must be one of {', '.join(choices)}", found=value, way_out=near)


def check_whole(key: str, value: object, least: int, *, group: str = "method") -> None:
    """Refuses what is not an integer of at least ``least``.

    Raises:
        UsageError: with the value.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"`{group}.{key}` must be an integer >= {least}", found=value)


def check_share(key: str, value: object) -> float:
    """``value`` as a budget.

    Raises:
        UsageError: it is no share in (0, 1].
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(value) <= 1:  # type: ignore[arg-type]
        raise UsageError(f"`{key}` must be a share in (0, 1], 0.01 being 1 %", found=value)
    return float(value)  # type: ignore[arg-type]


def check_flag(key: str, value: object) -> bool:
    """The value, where it is one: Hydra reads `no` as a word, which would count as true.

    Raises:
        UsageError: it is neither true nor false.
    """
    if not isinstance(value, bool):
        raise UsageError(f"`method.{key}` must be true or false", found=value)
    return value


def check_step(lr: object, shots: object) -> None:
    """Refuses steps that are no steps.

    Raises:
        UsageError: lr is not a finite number > 0, or shots not an integer >= 1.
    """
    if isinstance(lr, bool) or not isinstance(lr, int | float) or not math.isfinite(lr) or lr <= 0:
        raise UsageError("`method.lr` must be a finite number > 0", found=lr)
    check_whole("shots", shots, 1)


def check_number(
    key: str, value: object, *, least: float = -math.inf, more_than: float = -math.inf, most: float = math.inf
) -> None:
    """Refuses what is not a finite number within the bounds.

    Raises:
        UsageError: with the value.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not (least <= value <= most and value > more_than):  # type: ignore[operator]
        low = f" > {more_than:g}" if more_than > -math.inf else f" >= {least:g}" if least > -math.inf else ""
        high = f" and <= {most:g}" if most < math.inf else ""
        raise UsageError(f"`method.{key}` must be a finite number{low}{high}", found=value)
