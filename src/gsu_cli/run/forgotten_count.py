"""Of how many forgotten images a number is, where not all were looked at."""

from __future__ import annotations


def forgotten(n: int, whole: int, verb: tuple[str, str]) -> str:
    """The images behind a number, with its verb: of one image, and of several.

    >>> forgotten(1, 1, ("stands", "stand")), forgotten(20, 20, ("stands", "stand"))
    ('the forgotten image stands', 'the 20 forgotten images stand')
    >>> forgotten(300, 6742, ("stands", "stand"))
    '300 of the 6,742 forgotten images stand'
    """
    if whole == 1:
        return f"the forgotten image {verb[0]}"
    some = f"{n:,} of the {whole:,}" if n < whole else f"the {n:,}"
    return f"{some} forgotten images {verb[n > 1]}"
