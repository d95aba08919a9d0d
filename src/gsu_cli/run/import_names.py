"""Names that differ though the weights are the same: wrappers, weight normalisation, ties, counters, one prefix.

Each rule here is exact: it changes a name, never a number.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from gsu_cli.errors import CheckpointError

Rename = Mapping[str, str | None]
WRAPPERS = ("_orig_mod", "module")  # torch.compile; DataParallel, DistributedDataParallel and averaged models
UPDATES = "n_averaged"  # AveragedModel counts its updates there
COUNTER = "num_batches_tracked"
OLD_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
WORD = re.compile(r"[A-Za-z0-9_./-]+")  # what a line holds without quoting
MANY = 12  # names that a proposed line spells out at most


def unwrapped(names: Collection[str]) -> list[str]:
    """Names without what wrappers put into them, or as they are where two would become one.

    >>> unwrapped(["module.fc._orig_mod.weight", "module.fc._orig_mod.bias"])
    ['fc.weight', 'fc.bias']
    """
    plain = [".".join(part for part in name.split(".") if part not in WRAPPERS) for name in names]
    return plain if len(set(plain)) == len(plain) and all(plain) else list(names)


def fitted(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """``tensors`` under the class's names where that is a matter of names alone, and what need not be in a file.

    Args:
        own: the class's tensors by name; tied ones share memory.
        tensors: of the file.
        path: for messages.

    Returns:
        The tensors, and the names that are filled, with the reason.

    Raises:
        CheckpointError: two tensors that the class ties differ in the file.
    """
    fit = dict(tensors)
    if any(k not in own for k in fit):
        fit = _closer(own, fit, dict(zip(unwrapped(fit), fit.values(), strict=True)))
        fit = _closer(own, fit, {_normed(k, own): v for k, v in fit.items()})
    filled: dict[str, str] = {}
    ties = _ties(own)
    for group in ties:
        given = [k for k in group if k in fit]
        if any(not torch.equal(fit[given[0]], fit[k]) for k in given[1:]):
            raise CheckpointError(
                "tensors that the class ties must be equal", found=f"{' and '.join(given)}, which differ, in {path}"
            )
        if given:
            fit |= dict.fromkeys(group, fit[given[0]])
            filled |= {k: f"tied to {given[0]}" for k in group if k not in given}
    missing = [k for k in own if k not in fit]
    if missing and all(k.rpartition(".")[2] == COUNTER for k in missing):
        filled |= dict.fromkeys(missing, "a counter that eval mode does not use")
    return fit, filled


def suggestion(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], typed: Rename) -> str:
    """The words that make the names fit, where one beginning stands between, or the empty string.

    Args:
        own: the class's tensors.
        tensors: the file's, after what was ``typed``.
        typed: the present ``checkpoint.rename``; the proposed one holds it.
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
        return f"Several parts of it fit: {' or '.join(f'checkpoint.entry={e}' for e in apart)}"
    for old, new, left in sorted(fits, key=lambda fit: (len(fit[2]), len(fit[0]) + len(fit[1]))):
        rename = {**typed, **_typed(old, new, [k for k in extra if k not in left]), **_drops(left, tensors, own)}
        if _does_it(rename, typed, tensors, wanted):
            return f"This fits: {words(rename)}"
    return ""


def is_update_count(name: str, value: Tensor) -> bool:
    """Whether this is torch's count of the models that were averaged, which is no weight."""
    return name.rpartition(".")[2] == UPDATES and value.numel() == 1 and not value.is_floating_point()


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


def _closer(own: Mapping[str, Tensor], now: dict[str, Tensor], then: dict[str, Tensor]) -> dict[str, Tensor]:
    """Whichever has more of the class's names."""
    return then if len(then) == len(now) and len(own.keys() & then.keys()) > len(own.keys() & now.keys()) else now


def _normed(name: str, own: Mapping[str, Tensor]) -> str:
    """The other spelling of a weight-normalised tensor where the class has that."""
    for old, new in OLD_NORM.items():
        for mine, other in ((old, new), (new, old)):
            if name == mine or name.endswith(f".{mine}"):
                found = name.removesuffix(mine) + other
                return found if name not in own and found in own else name
    return name


def _ties(own: Mapping[str, Tensor]) -> list[list[str]]:
    """Names of the class that stand for one tensor, by groups of two and more."""
    groups: dict[tuple[int, tuple[int, ...], tuple[int, ...]], list[str]] = {}
    for name, t in own.items():
        if t.numel():
            groups.setdefault((t.data_ptr(), tuple(t.shape), t.stride()), []).append(name)
    return [names for names in groups.values() if len(names) > 1]
