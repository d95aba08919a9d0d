"""How wide the columns of a sweep's closing table are: on a narrow terminal rich would cut the last ones off."""

from __future__ import annotations

from collections.abc import Sequence

GAP = 2  # characters between two columns
EDGES = 2
CELL = 30  # characters of a cell's name, which breaks beyond


def fitting(heads: Sequence[str], lines: Sequence[Sequence[str]], room: int) -> tuple[dict[int, int], list[str]]:
    """The columns that are shown, by their place, with their widths; and the heads of those left out.

    A name and a status, then numbers. All are as wide as they need where there is room; else heads break at their
    words, and columns that fit even so no longer are left out: the last before the first, the seconds before all.

    >>> fitting(["cell", "status", "feature ratio", "seconds"], [["seed=1", "done", "-95.0%", "5.1"]], 80)
    ({0: 6, 1: 6, 2: 13, 3: 7}, [])
    >>> fitting(["cell", "status", "feature ratio", "seconds"], [["seed=1", "done", "-95.0%", "5.1"]], 30)
    ({0: 6, 1: 6, 2: 7}, ['seconds'])
    """
    texts = [[line[i] for line in lines] for i in range(len(heads))]
    widths = [max(map(len, (head, *column))) for head, column in zip(heads, texts, strict=True)]
    if _total(widths) > room:
        widths = [max(map(len, (*head.split(), *column))) for head, column in zip(heads, texts, strict=True)]
        widths[0] = min(widths[0], CELL)
    kept = list(range(len(heads)))
    while len(kept) > 3 and _total([widths[i] for i in kept]) > room:
        kept.remove(len(heads) - 1 if len(heads) - 1 in kept else kept[-1])
    return {i: widths[i] for i in kept}, [head for i, head in enumerate(heads) if i not in kept]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1) + EDGES
