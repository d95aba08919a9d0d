"""Numbers as people read them, and the change between two measurements with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gsu_cli.run.record import Measurement

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Change:
    """Relative change ``after / before - 1`` with a 95 % interval; low and high None where there is none."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return f"{self.value:+.1%}"

    def interval(self) -> str:
        """In words, "-91.0% to -88.2%", or the empty string."""
        return "" if self.low is None or self.high is None else f"{self.low:+.1%} to {self.high:+.1%}"


def change(before: Measurement | None, after: Measurement | None) -> Change | None:
    """Relative change of a quantity; None where one of the two is missing or the first is zero.

    For shares the interval is Katz's log interval of a ratio of two shares (Katz et al. 1978), which treats the two as
    independent; they share their latents, so the true interval is narrower. For a -ELBO it is the one that was measured
    image by image. For other quantities none is given: their own intervals are spreads between images that both
    subjects share.
    """
    if before is None or after is None or before.value is None or after.value is None or before.value == 0:
        return None
    value = (after.value - before.value) / abs(before.value)  # a -ELBO with a density can be negative
    if before.unit != "share":
        return Change(value, after.change_low, after.change_high)
    hits_before, hits_after = round(before.value * before.n), round(after.value * after.n)
    if hits_after < 1:  # no hit: Wilson's upper end over the point estimate
        return Change(value, -1.0, (after.high or 0.0) / before.value - 1)
    half = Z95 * math.sqrt(max(0.0, 1 / hits_before - 1 / before.n + 1 / hits_after - 1 / after.n))
    return Change(value, math.exp(math.log(1 + value) - half) - 1, math.exp(math.log(1 + value) + half) - 1)


def factor(value: float) -> str:
    """A relative change in per cent; as a factor where it is tenfold or more, since "+4420.0%" is not read.

    >>> factor(-0.912), factor(45.2)
    ('-91.2%', 'x46.2')
    """
    return f"{value:+.1%}" if value < 9 else f"x{1 + value:.3g}"


def digits(m: Measurement | None, *, interval: bool = False) -> str:
    """A measurement for a table: "0.0112", "99.45"; a dash where there is none.

    >>> digits(Measurement("a", "data", 0.01123, unit="share")), digits(None)
    ('0.0112', '-')
    """
    if m is None or m.value is None:
        return "-"
    places = 4 if m.unit == "share" else 2
    text = f"{m.value:.{places}f}"
    if interval and m.low is not None and m.high is not None:
        text += f" [{m.low:.{places}f}, {m.high:.{places}f}]"
    return text


def seconds(value: float) -> str:
    """As "0.8 s" or "1 min 12 s"."""
    if round(value, 1) < 60:
        return f"{value:.1f} s"
    return f"{round(value) // 60} min {round(value) % 60} s"
