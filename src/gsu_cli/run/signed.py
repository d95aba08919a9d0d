"""A change as people read it: with its sign, as far as digits show one."""

from __future__ import annotations

import math

HUGE = 1e9  # from here on decimals are no longer read


def plain(value: float, form: str) -> str:
    """The number without a sign where it is rounded to zero.

    >>> plain(-0.04, ".1f"), plain(-0.4, ".1f"), plain(-0.004, ".1%")
    ('0.0', '-0.4', '-0.4%')
    """
    words = f"{value:{form}}"
    return words[1:] if words.startswith("-") and words.strip("-0.%e") == "" else words


def signed(value: float | None, form: str = ".1%") -> str:
    """The number with its sign; a dash where there is none.

    What is rounded to zero has no sign: "-0.0%" names a side that no digit shows.

    >>> signed(-0.946), signed(0.0092), signed(-0.0004), signed(0.0)
    ('-94.6%', '+0.9%', '0.0%', '0.0%')
    >>> signed(-0.0004, ".2%"), signed(-0.004, ".2f"), signed(float("-inf"), ".2f")
    ('-0.04%', '0.00', '-inf')
    >>> signed(1.0035e18, ".2%"), signed(-1.79428e16, ".3f")
    ('+1e+20%', '-1.79e+16')
    """
    if value is None:
        return "-"
    if HUGE <= abs(value) < math.inf:  # decimals are no longer read, nor are twenty digits
        return f"{100 * value:+.3g}%" if form.endswith("%") else f"{value:+.3g}"
    words = f"{value:+{form}}"
    return words[1:] if words.strip("+-0.%e") == "" else words
