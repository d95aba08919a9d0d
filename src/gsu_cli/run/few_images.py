"""What is said of a distance that falls with the number of images, also where an older record leaves it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DISTANCE = "frechet_distance"


def too_high(n: int) -> str:
    """The remark on a distance of ``n`` images.

    >>> too_high(4000)
    'of 4,000 images, of which it is too high'
    """
    return f"of {n:,} images, of which it is too high"


def are_few(n: int, real: int) -> bool:
    """Whether ``n`` images are too few to stand beside the distance of ``real`` held-out ones without a remark."""
    return 0 < 2 * n <= real


def remarked(rows: list[Any]) -> list[Any]:
    """The measurements of a record's JSON; a distance of few images says so, as records have since the remark exists.

    What as many real images have is not known of an older run, so nothing is said of that.
    """
    data = [m for m in rows if isinstance(m, dict) and m.get("name") == DISTANCE and m.get("subject") == "data"]
    real = {m["judge"]: m["n"] for m in data if isinstance(m.get("judge"), str) and isinstance(m.get("n"), int)}
    return [{**m, "detail": too_high(m["n"])} if _is_unsaid(m, real) else m for m in rows]


def _is_unsaid(m: Any, real: Mapping[Any, int]) -> bool:
    if not isinstance(m, dict) or m.get("name") != DISTANCE or m.get("subject") == "data" or m.get("detail"):
        return False
    n, judge = m.get("n"), m.get("judge")
    if not isinstance(n, int) or not isinstance(judge, str) or m.get("value") is None:
        return False
    return are_few(n, real.get(judge, 0))
