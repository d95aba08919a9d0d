"""From numbers to places on an axis: straight, logarithmic, or logarithmic to both sides of a straight middle."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["linear", "log", "signed log"]
KNEE = 0.01  # where a signed logarithm turns straight: one per cent
CLOSEST = 0.12  # of an axis, between two labels


def kind_of(values: Sequence[float]) -> Kind:
    """Logarithmic where they are above 0 and the largest is twenty times the least."""
    return "log" if min(values) > 0 and max(values) >= 20 * min(values) else "linear"


@dataclass(frozen=True)
class Scale:
    """An axis from ``low`` to ``high``, in the numbers of the data."""

    kind: Kind
    low: float
    high: float

    @classmethod
    def around(cls, kind: Kind, values: Sequence[float], *, changes: bool = True) -> Scale:
        """An axis that holds all values with a margin.

        Args:
            kind: of axis.
            values: to hold.
            changes: they are relative changes: 0 is on the axis, and it spans more than a few per cent, lest rounding
                errors look like findings.
        """
        bend = _bend(kind)
        places = [bend(v) for v in values] + ([0.0] if changes else [])
        low, high = min(places), max(places)
        if changes:
            high = max(high, low + bend(0.02))
        margin = 0.06 * (high - low) or 0.5 * (abs(high) or 1.0)
        back = _unbend(kind)
        return cls(kind, back(low - margin), back(high + margin))

    def at(self, value: float) -> float:
        """The place of a value: 0 at ``low``, 1 at ``high``."""
        bend = _bend(self.kind)
        low, high = bend(self.low), bend(self.high)
        return (bend(value) - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round numbers on the axis, few enough to label."""
        if self.kind == "linear":
            return _straight(self.low, self.high)
        if self.kind == "log":
            exponents = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            powers = [10.0**k for k in exponents]
            if len(powers) < 2:
                return _straight(self.low, self.high)
            return powers[:: -(-len(powers) // 7)]
        decades = [sign * KNEE * 10.0**k for k in range(12) for sign in (1, -1)]
        found = [v for v in (0.0, *decades) if self.low <= v <= self.high]
        return self._apart(found) if len(found) > 2 else _straight(self.low, self.high)

    def _apart(self, values: Sequence[float]) -> list[float]:
        """Those that leave each other room for a label, the first of them for sure; in ascending order."""
        kept: list[float] = []
        for v in values:
            if all(abs(self.at(v) - self.at(k)) > CLOSEST for k in kept):
                kept.append(v)
        return sorted(kept)


def _straight(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.999)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _bend(kind: Kind) -> Callable[[float], float]:
    return {"linear": float, "log": math.log10, "signed log": lambda v: math.asinh(v / KNEE)}[kind]


def _unbend(kind: Kind) -> Callable[[float], float]:
    return {"linear": float, "log": lambda v: float(10.0**v), "signed log": lambda v: KNEE * math.sinh(v)}[kind]
