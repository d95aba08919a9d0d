"""Numbers as people read them, and the change between two measurements with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gsu_cli.run.difference_of_shares import newcombe
from gsu_cli.run.record import Measurement
from gsu_cli.run.signed import HUGE, signed

Z95 = 1.959963984540054
SMALL = 30  # values, as `evaluation.intervals.SMALL`: of fewer, intervals of means are Student's
LEAST = 5  # of fewer a mean says of how many, as shares do below `SMALL`
LEAST_SHARE = 0.01  # below it a share is near zero
SMALL_NUMBER = 0.1  # a distance that two decimals do not show: a KID of 0.003, say
NEAR_ZERO = "the difference itself, since the original is near zero"
ROUGH = "the difference itself, since the original is known too roughly for a ratio"
PERCENT = "%"
IN_PERCENT = "the difference itself, since it is in percent already"


@dataclass(frozen=True)
class Change:
    """Relative change ``after / before - 1`` with a 95 % interval; low and high None where there is none."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return factor(self.value)

    def interval(self) -> str:
        """In words, "-91.0% to -88.2%", or the empty string."""
        return "" if self.low is None or self.high is None else f"{factor(self.low)} to {factor(self.high)}"


def change(before: Measurement | None, after: Measurement | None) -> Change | None:
    """Relative change of a quantity; None where one of the two is missing or the first is zero.

    For shares the interval is Katz's log interval of a ratio of two shares (Katz et al. 1978), which treats the two as
    independent; they share their latents, so the true interval is narrower. A share of 1 has no spread in it: there the
    ends of the shares' own Wilson intervals are combined (Donner and Zou 2012, on the log scale). For a -ELBO it is the
    one that was measured image by image. For other quantities none is given: their own intervals are spreads between
    images that both subjects share.
    """
    if before is None or after is None or before.value is None or after.value is None or before.value == 0:
        return None
    value = (after.value - before.value) / abs(before.value)  # a -ELBO with a density can be negative
    if before.unit != "share":
        return Change(value, after.change_low, after.change_high)
    hits_before, hits_after = round(before.value * before.n), round(after.value * after.n)
    if hits_before < 1:  # of another's record: a share without the images that it is a share of
        return Change(value, None, None)
    if hits_after < 1:  # no hit: Wilson's upper end over the point estimate
        return Change(value, -1.0, (after.high or 0.0) / before.value - 1)
    if hits_before == before.n or hits_after == after.n:
        return _from_ends(value, before, after)
    half = Z95 * math.sqrt(max(0.0, 1 / hits_before - 1 / before.n + 1 / hits_after - 1 / after.n))
    return Change(value, math.exp(math.log(1 + value) - half) - 1, math.exp(math.log(1 + value) + half) - 1)


def _from_ends(value: float, before: Measurement, after: Measurement) -> Change:
    """The interval of a ratio of two shares from those of the shares."""
    ends = [m.low or 0.0 for m in (before, after)] + [m.high or 0.0 for m in (before, after)]
    if min(ends) <= 0:
        return Change(value, None, None)
    a, b = ([math.log(float(x or 0.0)) for x in (m.low, m.value, m.high)] for m in (before, after))
    down, up = math.hypot(b[1] - b[0], a[2] - a[1]), math.hypot(b[2] - b[1], a[1] - a[0])
    return Change(value, math.exp(math.log(1 + value) - down) - 1, math.exp(math.log(1 + value) + up) - 1)


@dataclass(frozen=True)
class Shift:
    """What is said in place of a relative change from near zero: the difference, in the unit of the quantity.

    ``rough``: it is not that the original is so small, but that its interval is so wide.
    """

    value: float
    low: float | None
    high: float | None
    unit: str
    rough: bool = False

    @property
    def why(self) -> str:
        """Why it is no ratio."""
        return self.why_of("the original")

    def why_of(self, base: str) -> str:
        """The same of what it is a difference from."""
        if self.unit == PERCENT:
            return IN_PERCENT
        return (ROUGH if self.rough else NEAR_ZERO).replace("the original", base)

    def __str__(self) -> str:
        return f"{self._digits(self.value)}{self._unit()}"

    def interval(self) -> str:
        """In words, "+0.41 to +0.83 points", or the empty string."""
        if self.low is None or self.high is None:
            return ""
        return f"{self._digits(self.low)} to {self._digits(self.high)}{self._unit()}"

    def _digits(self, value: float) -> str:
        if self.unit == "share":
            return signed(100 * value, ".2f")
        return signed(value, f".{places(self.unit, self.value)}f")

    def _unit(self) -> str:
        if self.unit in ("share", PERCENT):
            return " points"
        return " nats" if is_nats(self.unit) else f" {self.unit}".rstrip()


def is_nats(unit: str) -> bool:
    """Whether it is that of a negative log likelihood, which may be negative: its zero means nothing."""
    return "nats" in unit


def spread(m: Measurement) -> float | None:
    """Standard deviation between the images behind a mean with an interval (`intervals.normal`); None without one."""
    if m.low is None or m.high is None or m.n < 2:
        return None
    quantile = Z95
    if m.n < SMALL:
        from scipy.special import stdtrit  # here: it takes a tenth of a second

        quantile = float(stdtrit(m.n - 1, 0.975))
    return (m.high - m.low) / 2 / quantile * math.sqrt(m.n)


def near_zero(m: Measurement) -> bool:
    """Whether a relative change from this base would mislead.

    A share: below 1 %, or less than twice the lower end of its interval. Nats: closer to zero than images spread about
    their mean. Anything else: less than twice the lower end of its interval; and zero itself.

    >>> near_zero(Measurement("feature_ratio", "original", 0.0012, 0.0007, 0.0021, 10_000, "share"))
    True
    """
    if m.value is None:
        return False
    if m.value == 0:
        return True
    if is_nats(m.unit):
        between = spread(m)
        return between is not None and abs(m.value) < between
    if m.unit == "share" and m.value < LEAST_SHARE:
        return True
    return _is_rough(m)


def _is_rough(m: Measurement) -> bool:
    return m.value is not None and m.low is not None and m.value > 0 and m.low < m.value / 2


def shift(before: Measurement | None, after: Measurement | None) -> Shift | None:
    """The difference where the base is near zero or in percent; None elsewhere, and where one of the two is missing.

    The interval of a difference of shares is Newcombe's (1998, from the two Wilson intervals, as if independent); of a
    -ELBO the one that was measured image by image.
    """
    if before is None or after is None or before.value is None or after.value is None:
        return None
    if before.unit != PERCENT and not near_zero(before):
        return None
    value = after.value - before.value
    ends: tuple[float | None, float | None] = (None, None)
    if before.unit == "share" and None not in (before.low, before.high, after.low, after.high):
        ends = newcombe(after, before)
    elif after.change_low is not None and after.change_high is not None:
        ends = after.change_low * abs(before.value), after.change_high * abs(before.value)
    rough = _is_rough(before) and not is_nats(before.unit) and (before.unit != "share" or before.value >= LEAST_SHARE)
    return Shift(value, *ends, before.unit, rough)


def moved(before: Measurement | None, after: Measurement | None) -> Change | Shift | None:
    """What is said of a change: relative, or the difference where the base is near zero; None where there is none."""
    return shift(before, after) or change(before, after)


def factor(value: float) -> str:
    """A relative change in per cent; as a factor where it is tenfold or more, since "+4420.0%" is not read.

    >>> factor(-0.912), factor(45.2)
    ('-91.2%', 'x46.2')
    """
    return signed(value) if value < 9 else f"x{1 + value:.3g}"


def is_of_few(m: Measurement | None) -> bool:
    """Whether it is of so few images that it may not stand without their number: half of two is no half.

    A share needs more of them than a mean, which says more of each image.
    """
    return m is not None and m.value is not None and 0 < m.n < (SMALL if m.unit == "share" else LEAST)


def digits(m: Measurement | None, *, interval: bool = False) -> str:
    """A measurement for a table: "0.0112", "99.45"; of few images it says of how many; a dash where there is none.

    >>> digits(Measurement("a", "data", 0.01123, unit="share")), digits(None)
    ('0.0112', '-')
    >>> digits(Measurement("a", "data", 0.25, n=4, unit="share"))
    '0.2500 of 4'
    >>> digits(Measurement("a", "unlearned", 132.27, n=1, unit="-ELBO, nats"))
    '132.27 of 1'
    """
    if m is None or m.value is None:
        return "-"
    to = places(m.unit, m.value)
    text = fixed(m.value, to)
    if interval and m.low is not None and m.high is not None:
        text += f" [{fixed(m.low, to)}, {fixed(m.high, to)}]"
    return f"{text} of {m.n}" if is_of_few(m) else text


def fixed(value: float, to: int) -> str:
    """With ``to`` decimals; by its power of ten where it has diverged, since 37 digits are not read.

    >>> fixed(99.446, 2), fixed(-0.001, 2), fixed(1.5e36, 2)
    ('99.45', '0.00', '1.5e+36')
    """
    return f"{value:z.{to}f}" if abs(value) < HUGE else f"{value:.3g}"


def places(unit: str, value: float) -> int:
    """Decimals of a number: four of shares, of squared errors, and of small numbers without a unit, else two.

    >>> places("", 2.74), places("", 0.0031), places("-ELBO, nats", 0.0031)
    (2, 4, 2)
    """
    return 4 if unit == "share" or unit.startswith("MSE") or (not unit and abs(value) < SMALL_NUMBER) else 2


def seconds(value: float) -> str:
    """As "0.8 s" or "1 min 12 s"."""
    if round(value, 1) < 60:
        return f"{value:.1f} s"
    return f"{round(value) // 60} min {round(value) % 60} s"
