"""Remarks that differ in their decimals alone, as one; whole numbers may be names of classes, so they stay apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

DECIMAL = re.compile(
    r"(?<![\w.,+-])(?:[-+]?\d+(?:,\d{3})*\.\d+(?![\w.]*\w)|x\d+(?:\.\d+)?(?:e\+\d+)?(?![\w.+]))"  # "x45.2" is a factor
)

FLOOR = re.compile(r"(?<=: as many )([a-z ']+ have )(\d[\d,]*\.\d+)(?: to (\d[\d,]*\.\d+))?")  # evaluation.same_count


def in_one(remarks: Iterable[str]) -> dict[str, int]:
    """Each kind of remark once, in the order of their first, and how many were of it.

    Remarks of a kind are equal but for decimals; where those differ, the least and the greatest stand in their place.

    >>> in_one(["real ones have 0.56 of 4,000", "an odd one", "real ones have 0.80 of 4,000"])
    {'real ones have 0.56 to 0.80 of 4,000': 2, 'an odd one': 1}
    >>> in_one(["ruined: x44.2 retain loss", "ruined: x40 retain loss", "ruined: x4.1e+04 retain loss"])
    {'ruined: x40 to x4.1e+04 retain loss': 3}
    >>> in_one(["a rate of 1.5e-05", "a rate of 2.5e-05", "class 3 below 0.5", "class 4 below 0.6"])
    {'a rate of 1.5e-05': 1, 'a rate of 2.5e-05': 1, 'class 3 below 0.5': 1, 'class 4 below 0.6': 1}
    """
    kinds: dict[tuple[str, ...], list[list[str]]] = {}
    for remark in remarks:
        kinds.setdefault(tuple(DECIMAL.split(remark)), []).append(DECIMAL.findall(remark))
    return {_filled(words, numbers): len(numbers) for words, numbers in kinds.items()}


def counted_in_one(remarks: Mapping[str, int]) -> dict[str, int]:
    """The same of remarks that stand for as many as is said beside each."""
    return in_one(remark for remark, n in remarks.items() for _ in range(n))


def over_rows(notes: Iterable[str]) -> dict[str, str]:
    """For each note of a table the one that stands below it: what as many others have is of all its rows at once.

    A footnote a row, for a number that differs little between rows, was 23 below a table of ten digits.

    >>> notes = "too high: as many real ones have 0.56", "n/a", "too high: as many real ones have 0.50 to 0.80"
    >>> [over_rows(notes)[note] for note in notes]
    ['too high: as many real ones have 0.50 to 0.80', 'n/a', 'too high: as many real ones have 0.50 to 0.80']
    """
    kinds: dict[str, list[str]] = {}
    for note in notes:
        kinds.setdefault(FLOOR.sub(r"\1\0", note), []).append(note)
    found: dict[str, str] = {}
    for same in kinds.values():
        numbers = [number for note in same for match in FLOOR.findall(note) for number in match[1:] if number]
        least, most = (end(numbers, key=_value, default="") for end in (min, max))
        if least and _value(least) != _value(most):
            least = f"{least} to {most}"
        found |= {note: FLOOR.sub(rf"\g<1>{least}", note) for note in same}
    return found


def _filled(words: tuple[str, ...], numbers: list[list[str]]) -> str:
    """The words with what stood between them: of each place the number, or the least and the greatest."""
    ends = [""]
    for place in zip(*numbers, strict=True):
        least, most = (end(place, key=_value) for end in (min, max))
        ends.append(least if _value(least) == _value(most) else f"{least} to {most}")
    return "".join(end + word for end, word in zip(ends, words, strict=True))


def _value(number: str) -> float:
    return float(number.removeprefix("x").replace(",", ""))
