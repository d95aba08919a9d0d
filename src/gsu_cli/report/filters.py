"""Runs by what they are: data set, method, what was forgotten, how they ended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gsu_cli.report.keys import NOT_RECORDED, key
from gsu_cli.run.record import Record

FILTERS = ("verb", "dataset", "method", "forget", "status")


def matching(runs: Iterable[tuple[Path, Record]], wanted: Mapping[str, Sequence[str]]) -> list[tuple[Path, Record]]:
    """The runs that have, for each filter, one of its values.

    Args:
        runs: folder and record.
        wanted: one of `FILTERS` -> values; letters' case and what stands between words do not matter, so that
            ``class_1`` finds "class 1".
    """
    plain = {name: {_plain(value) for value in values} for name, values in wanted.items()}
    return [(path, r) for path, r in runs if all(_names(r, name) & values for name, values in plain.items())]


def present(runs: Iterable[tuple[Path, Record]], name: str) -> str:
    """The values of a filter that there are, most frequent first: "ascent (3), newton (1)"."""
    counts = Counter(key(record, name) for _, record in runs)
    counts.pop(NOT_RECORDED, None)
    return ", ".join(f"{value} ({n})" for value, n in counts.most_common()) or "none"


def _names(record: Record, name: str) -> set[str]:
    found = {_plain(key(record, name))}
    return found | {_plain(key(record, "slug"))} if name == "forget" else found


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")
