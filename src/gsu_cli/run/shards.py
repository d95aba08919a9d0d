"""Weights in several files by the names that Transformers and diffusers give them, ``model-00001-of-00002.bin``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

SHARD = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<n>\d{5})(?P<suffix>\.\w+)")


def index_of(found: Sequence[Path]) -> str:
    """What the index of these files is called where all are shards of one model, else the empty string.

    >>> index_of([Path("a/model-00001-of-00002.bin"), Path("a/model-00002-of-00002.bin")])
    'model.bin.index.json'
    """
    names = {f"{m['stem']}{m['suffix']}.index.json" if (m := SHARD.fullmatch(p.name)) else "" for p in found}
    return names.pop() if len(names) == 1 else ""


def one_of_many(path: Path) -> str:
    """What to do with a file that is one of several shards; the empty string for others and for the only one."""
    match = SHARD.fullmatch(path.name)
    if not match or int(match["n"]) < 2:
        return ""
    return f"Name their index, {path.parent / index_of([path])}: the file is one of {int(match['n'])}"
