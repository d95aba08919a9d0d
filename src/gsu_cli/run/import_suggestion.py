"""The `checkpoint.rename` that would do it, proposed to be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from torch import Tensor

from gsu_cli.run.import_names import COUNTER, Rename

WORD = re.compile(r"[A-Za-z0-9_./-]+")  # what a line holds without quoting


MANY = 12  # names that a proposed line spells out at most


def suggestion(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], typed: Rename, *, entry: str | None = None
) -> str:
    """The words that make the names fit, where one beginning stands between, or the empty string.

    Args:
        own: the class's tensors.
        tensors: the file's, after what was ``typed``.
        typed: the present ``checkpoint.rename``; the proposed one holds it.
        entry: where the tensors lie in the file, typed or found.
    """
    wanted = [k for k in own if k not in tensors and not k.endswith(COUNTER)]
    extra = [k for k in tensors if k not in own]
    shapes = {k: tuple(v.shape) for k, v in {**tensors, **own}.items()}
    if not wanted or not extra:
        return ""
    fits: list[tuple[str, str, list[str]]] = []
    for old in _beginnings(extra):
        sub = [k for k in extra if k.startswith(old)]
        for new in _beginnings(wanted):
            to = {f"{new}{k.removeprefix(old)}": k for k in sub}
            fit = set(wanted) <= to.keys() and all(tuple(tensors[to[k]].shape) == shapes[k] for k in wanted)
            if fit and all(k in own for k in to):
                fits.append((old, new, [k for k in extra if k not in sub]))
    apart = [old[:-1] for old, new, _ in fits if old and not new]
    if len(apart) > 1:
        here = f"{entry}." if entry else ""
        return f"Several parts of it fit: {' or '.join(f'checkpoint.entry={here}{e}' for e in apart)}"
    for old, new, left in sorted(fits, key=lambda fit: (len(fit[2]), len(fit[0]) + len(fit[1]))):
        rename = {**typed, **_typed(old, new, [k for k in extra if k not in left]), **_drops(left, tensors, own)}
        if _does_it(rename, typed, tensors, wanted):
            return f"This fits: {words(rename)}"
    return ""


def without(extra: list[str], typed: Rename) -> str:
    """The words that leave tensors out which the class has no place for, or the empty string where they are many."""
    if len(extra) > MANY or not all(WORD.fullmatch(k) for k in [*extra, *typed]):
        return ""
    return f"If the class is right without: {words({**typed, **dict.fromkeys(extra)})}"


def words(rename: Rename) -> str:
    """``checkpoint.rename`` as it is typed in a shell.

    >>> print(words({"module.": "", "raw.": None, "0.": "net.0."}))
    'checkpoint.rename={module.:"",raw.:null,0.:net.0.}'
    """
    pairs = [f"{old}:{'null' if new is None else _value(new)}" for old, new in rename.items()]
    return shlex.quote(f"checkpoint.rename={{{','.join(pairs)}}}")


def _value(new: str) -> str:
    return new if WORD.fullmatch(new) and not new.rstrip(".").replace(".", "").isdigit() else f'"{new}"'


def _typed(old: str, new: str, names: list[str]) -> dict[str, str | None]:
    """``{old: new}``; a line has no empty beginning, so that one is spelled out by the first part of each name."""
    if old:
        return {old: new}
    return {begin: f"{new}{begin}" for begin in dict.fromkeys(_head(name) for name in names)}


def _drops(left: list[str], tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, str | None]:
    heads = dict.fromkeys(_head(name) for name in left)
    return {h: None for h in heads if not any(k.startswith(h) for k in tensors if k in own)}


def _does_it(rename: Rename, typed: Rename, tensors: Mapping[str, Tensor], wanted: list[str]) -> bool:
    """Whether a proposed mapping can be typed, and leads to the names wanted without touching those that fit."""
    fresh = {k: v for k, v in rename.items() if k not in typed}
    if len(fresh) > MANY or not all(WORD.fullmatch(k) for k in rename):
        return False
    got = []
    for name in tensors:
        old = max((begin for begin in fresh if name.startswith(begin)), key=len, default=None)
        new = None if old is None else fresh[old]
        if old is None or new is not None:
            got.append(name if old is None else f"{new}{name.removeprefix(old)}")
    untouched = not typed or not any(begin.startswith(tuple(typed)) for begin in fresh)
    return untouched and len(set(got)) == len(got) and set(wanted) <= set(got)


def _head(name: str) -> str:
    first, dot, _ = name.partition(".")
    return first + dot


def _beginnings(names: list[str]) -> Iterator[str]:
    """The empty one, and every dotted beginning that at least two of the names, or the only one, have."""
    found: dict[str, int] = {"": len(names)}
    for name in names:
        parts = name.split(".")
        for k in range(1, len(parts)):
            begin = ".".join(parts[:k]) + "."
            found[begin] = found.get(begin, 0) + 1
    return (begin for begin, count in found.items() if count > 1 or len(names) == 1)
