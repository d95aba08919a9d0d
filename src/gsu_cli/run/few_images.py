"""What is said of a distance that falls with the number of images, also where an older record leaves it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DISTANCE = "frechet_distance"
SO_FEW, BEFORE = "so few that it is too", "of which it is too"  # of today, and of records before; high or low


def too_high(n: int) -> str:
    """The remark on a distance of ``n`` images.

    >>> too_high(4000)
    'of 4,000 images, so few that it is too high'
    """
    return f"of {n:,} images, {SO_FEW} high"


def real_too_high(n: int) -> str:
    """The remark on the distance of ``n`` real images beside far more samples.

    >>> real_too_high(899)
    'of 899 real images, so few that it is too high'
    """
    return f"of {n:,} real images, {SO_FEW} high"


def are_few(n: int, others: int) -> bool:
    """Whether ``n`` images are too few to stand beside the distance of ``others`` without a remark."""
    return 0 < 2 * n <= others


def remarked(rows: list[Any]) -> list[Any]:
    """The measurements of a record's JSON; a distance of few images says so, as records have since the remark exists.

    What as many images of the other kind have is not known of an older run, so nothing is said of that.
    """
    known = [m for m in rows if _is_of_judge(m)]
    real = {m["judge"]: m["n"] for m in known if m.get("subject") == "data"}
    samples = {m["judge"]: m["n"] for m in known if m.get("subject") != "data"}  # as many of each model
    rows = [_in_words_of_today(m) for m in rows]
    return [{**m, "detail": said} if (said := _unsaid(m, real, samples)) else m for m in rows]


def _in_words_of_today(m: Any) -> Any:
    """With the remark as it is now, so that one table does not say one thing in two ways."""
    if not isinstance(m, dict) or not isinstance(said := m.get("detail"), str) or BEFORE not in said:
        return m
    return {**m, "detail": said.replace(BEFORE, SO_FEW)}


def _is_of_judge(m: Any) -> bool:
    if not isinstance(m, dict) or m.get("name") != DISTANCE:
        return False
    return isinstance(m.get("judge"), str) and isinstance(m.get("n"), int)


def _unsaid(m: Any, real: Mapping[Any, int], samples: Mapping[Any, int]) -> str:
    if not _is_of_judge(m) or m.get("detail") or m.get("value") is None:
        return ""
    others, said = (samples, real_too_high) if m.get("subject") == "data" else (real, too_high)
    return said(m["n"]) if are_few(m["n"], others.get(m["judge"], 0)) else ""
