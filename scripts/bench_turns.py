"""What the figures of `make bench` have in common: measurements in turn, and a row with its median and its spread."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Row(NamedTuple):
    """A figure: ``value`` is the median of its rounds, ``low`` and ``high`` are the least and the greatest of them.

    Attributes:
        name: of the figure.
        value: what is compared with the target.
        sign: ``<=`` or ``>=``.
        target: None where there is none.
        origin: what the value comes from, in words.
        low: None where one run is exact, as of counts.
        high: as ``low``.
    """

    name: str
    value: float
    sign: str
    target: float | None
    origin: str
    low: float | None = None
    high: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the target is met; one that is none always is."""
        return self.target is None or (self.value <= self.target if self.sign == "<=" else self.value >= self.target)


def in_turn(measures: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Each of the measurements, then each again, so that a machine that gets slower hits all of them.

    >>> in_turn({"a": lambda: 1, "b": lambda: 2}, 3)
    {'a': [1, 1, 1], 'b': [2, 2, 2]}
    """
    found: dict[str, list[T]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def ratio(
    name: str, over: Sequence[float], under: Sequence[float], *, sign: str, target: float | None, origin: str
) -> Row:
    """The row of ``over`` divided by ``under``, round by round.

    Args:
        name: of the row.
        over: a number for each round.
        under: one of the same round each.
        sign: ``<=`` or ``>=``.
        target: or None.
        origin: takes the medians of both, as ``"{:.0f} s against {:.0f} s"``.
    """
    each = [a / b for a, b in zip(over, under, strict=True)]
    return single(name, each, sign, target, origin.format(statistics.median(over), statistics.median(under)))


def single(name: str, each: Sequence[float], sign: str, target: float | None, origin: str) -> Row:
    """The row of a number for each round."""
    return Row(name, statistics.median(each), sign, target, origin, min(each), max(each))


def alone(script: str | Path, *words: str) -> dict[str, float]:
    """What a script prints as JSON, in a process of its own."""
    found: dict[str, float] = json.loads(subprocess.check_output([sys.executable, str(script), *words]))
    return found
