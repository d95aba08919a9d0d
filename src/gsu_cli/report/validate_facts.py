"""Facts of a record that sentences, tables and pages read as they stand, each of the kind that gsu writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gsu_cli.run.record import Record


def is_text(value: object) -> bool:
    """Whether it is text."""
    return isinstance(value, str)


def is_int(value: object) -> bool:
    """Whether it is a whole number; true and false of JSON are none, though Python counts them so."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it is a number, true and false left out."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return is_int(value) and value >= 0


def _is_many(value: Any) -> bool:
    return is_int(value) and value >= 1


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


Kind = tuple[Callable[[object], bool], str]
TEXT: Kind = is_text, "no text"
COUNT: Kind = _is_count, "no count"
MANY: Kind = _is_many, "no count from 1 on"
TEXTS: Kind = _is_list_of_text, "no list of text"
KINDS: dict[str, dict[str, Kind]] = {
    "split": {
        **dict.fromkeys(("forget", "slug", "sha256", "dataset_sha256", "target_attribute"), TEXT),
        **dict.fromkeys(("n_forget", "n_retain"), COUNT),
        "copies": MANY,
    },
    "device": {
        **dict.fromkeys(("type", "name", "model", "machine", "system", "autocast"), TEXT),
        **dict.fromkeys(("threads", "processes"), COUNT),
    },
    "git": {"commit": TEXT},
}
FILE: dict[str, Kind] = dict.fromkeys(("name", "path", "sha256", "making", "class", "kind", "source", "note"), TEXT)
FILE |= dict.fromkeys(("remarks", "attributes"), TEXTS)  # of an input, which may be a data set, or an output


def flaws_of_facts(r: Record) -> Iterator[str]:
    """What is of another kind than gsu writes; null and what is left out are older, or compacted, records."""
    for section, kinds in KINDS.items():
        yield from _wrong(section, getattr(r, section), kinds)
    for section in ("inputs", "outputs"):
        for name, facts in getattr(r, section).items():
            if isinstance(facts, Mapping):
                yield from _wrong(f"{section}.{name}", facts, FILE)
    for name, value in vars(r).items():
        if name not in ("config", "measurements") and (where := next(_beyond(value, name), None)):
            yield f"a number that is not finite, `{where}`"


def _wrong(where: str, facts: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Iterator[str]:
    for name, (fits, what) in kinds.items():
        if facts.get(name) is not None and not fits(facts[name]):
            yield f"a `{where}.{name}` that is {what}"


def _beyond(value: object, where: str) -> Iterator[str]:
    """Where JSON that other programs write has nan, infinity, or a whole number that no float holds."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _beyond(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _beyond(inner, f"{where}.{i}")
    elif isinstance(value, float | int) and not _is_finite(value):
        yield where


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
