"""A change as people read it: with its sign, as far as digits show one."""

from __future__ import annotations


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
    """
    if value is None:
        return "-"
    words = f"{value:+{form}}"
    return words[1:] if words.strip("+-0.%e") == "" else words
