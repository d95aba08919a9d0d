"""What was written on one disk, said so that it means something on another: places by their end."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

LETTER = r"[\w.@+~-]"
PLACE = re.compile(  # in quotes with anything in it; elsewhere without blanks. A unit such as nats/image is none
    rf"(?<=['\"])/[^'\"\n]*/[^'\"\n]+(?=['\"])|(?:(?<=file://)|(?<![\w.~}}/:-]))/(?:{LETTER}+/)+{LETTER}*\w"
)


def without_disk(value: Any, results: str) -> Any:
    """Plain values with no absolute place: below the folder of results told from there, else by its two last names.

    Args:
        value: numbers, words, lists and mappings.
        results: the folder of the run's results, ``paths.output_dir``; may be empty.

    >>> without_disk({"path": "/home/me/out/models/a/model.safetensors", "unit": "nats/image"}, "/home/me/out")
    {'path': 'out/models/a/model.safetensors', 'unit': 'nats/image'}
    >>> without_disk(["checkpoint.path=/data/mine/vae.safetensors", "dataset.path='/my data/set/x'"], "/home/me/out")
    ['checkpoint.path=mine/vae.safetensors', "dataset.path='set/x'"]
    """
    if isinstance(value, dict):
        return {k: without_disk(v, results) for k, v in value.items()}
    if isinstance(value, list):
        return [without_disk(v, results) for v in value]
    if not isinstance(value, str) or "/" not in value:
        return value
    if value.startswith("/") and value.count("/") > 1 and " " not in value.rpartition("/")[2]:
        return _from_there(value, results)  # nothing but a place, perhaps with blanks
    return PLACE.sub(lambda found: _from_there(found[0], results), value)


def _from_there(place: str, results: str) -> str:
    path, folder = PurePosixPath(place), PurePosixPath(results)
    if folder.is_absolute() and path.is_relative_to(folder):
        return str(PurePosixPath(folder.name, path.relative_to(folder)))
    return "/".join(path.parts[-2:])
