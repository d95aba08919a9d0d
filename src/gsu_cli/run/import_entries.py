"""Where in a file the state dict lies: entries, beginnings of flat names, parts that belong together, siblings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from gsu_cli.errors import CheckpointError, did_you_mean
from gsu_cli.run.import_suggestion import suggestion

SHOWN = 3  # names in a message
DEPTH = 4  # levels that are searched for state dicts
USUAL = ("state_dict", "model_state_dict")  # of Lightning and of most training loops: taken where nothing else is there
OF_TRAINING = ("optim", "scheduler", "lr_sched", "scaler", "callbacks", "loops")  # tensors, but no weights
OPTIMIZER = {"state", "param_groups"}  # keys of an optimizer's state
SAVE = "Save it with torch.save(model.state_dict(), path)"


@dataclass(frozen=True)
class Chosen:
    """The tensors of a file that were taken.

    Attributes:
        tensors: by name.
        dropped: names of tensors beside them that were left out.
        entry: where they lay; None where they were all there is.
        beside: other entries with tensors of the same shapes, EMA beside raw weights say.
    """

    tensors: dict[str, Tensor]
    dropped: tuple[str, ...] = ()
    entry: str | None = None
    beside: tuple[str, ...] = ()


def choose(
    content: Any, path: Path, entry: str | None, rename: Mapping[str, str | None], own: Mapping[str, Tensor] | None
) -> Chosen:
    """The state dict in what a file held.

    Args:
        content: what was read.
        path: where, for messages.
        entry: levels apart by dots; a key that holds a dot is tried whole first.
        rename: beginnings that will be renamed, which may drop siblings.
        own: names of the class, where known.

    Raises:
        CheckpointError: there is no such entry, or no state dict in it; names those that there are.
    """
    found: Any = content
    dropped: tuple[str, ...] = ()
    if entry is not None:
        found, dropped = _reach(content, entry, path)
    if is_state_dict(found):
        tensors = {str(k): v for k, v in found.items()}
        return Chosen(tensors, dropped, entry, _beside(content, tensors, entry or "", rename))
    inside = dict(_state_dicts(found))
    for usual in USUAL:
        if usual in inside and entry is None:
            tensors = inside[usual]
            return Chosen(tensors, (), usual, _beside(content, tensors, usual, rename))
    joined = _joined(found)
    parts = {_first(k) for k in own or ()}
    if parts and parts <= {_first(k) for k in joined}:  # an "encoder" and a "decoder" saved apart
        kept = {k: v for k, v in joined.items() if _first(k) in parts}
        return Chosen(kept, tuple(k for k in joined if k not in kept), entry)
    if joined and rename and all(any(k.startswith(old) for k in joined) for old in rename):
        return Chosen(joined, (), entry)
    fit = [k for k, tensors in inside.items() if own and own.keys() <= tensors.keys()]
    here = f"{entry}." if entry else ""
    raise CheckpointError(
        "a foreign checkpoint must hold a state dict: tensors by name",
        found=f"{_kinds(found)} in {path}",
        way_out=("" if fit else suggestion(own or {}, joined, rename, entry=entry))
        or (f"Name the entry that does: checkpoint.entry={' or '.join(here + k for k in fit or inside)}") * bool(inside)
        or _unnamed(found)
        or SAVE,
    )


def _unnamed(found: Any) -> str:
    """What to do with averages that are kept as a bare list, as EMA classes do; nothing where there is no such list."""
    for name, _ in _lists(found):
        return (
            f"{name} has no names: copy it into the model's parameters, which are in the same order, and save that: "
            "torch.save(model.state_dict(), path)"
        )
    return ""


def is_state_dict(found: object) -> bool:
    """Tensors by name and nothing else, at least one."""
    return isinstance(found, Mapping) and bool(found) and all(isinstance(v, Tensor) for v in found.values())


def few(names: Sequence[str]) -> str:
    """The first of some names.

    >>> few(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _type_one_of(entries: Sequence[str]) -> str:
    """The entries that hold a state dict, as a line to type; nothing where there is none."""
    return f"Type checkpoint.entry={' or '.join(entries[:SHOWN])}" if entries else ""


def _reach(content: Any, entry: str, path: Path) -> tuple[Any, tuple[str, ...]]:
    """What lies at ``entry``, and the tensors beside it where that is the beginning of flat names."""
    for found in _at(content, entry.split(".")):
        return found
    level, words = content, entry.split(".")
    while words and isinstance(level, Mapping) and isinstance(level.get(words[0]), Mapping):
        level = level[words.pop(0)]
    has = [str(k) for k in level] if isinstance(level, Mapping) else [type(level).__name__]
    raise CheckpointError(
        f"`checkpoint.entry` must lead to a state dict in {path}",
        found=f"no {entry} among {few(has)}",
        way_out=did_you_mean(".".join(words), has).strip() or _type_one_of([name for name, _ in _state_dicts(content)]),
    )


def _at(content: Any, words: list[str]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    if not words:
        yield content, ()
        return
    if not isinstance(content, Mapping):
        return
    by_name = {str(k): v for k, v in content.items()}
    for k in range(len(words), 0, -1):
        key = ".".join(words[:k])
        if key in by_name and not isinstance(by_name[key], Tensor):
            yield from _at(by_name[key], words[k:])
    begin = ".".join(words) + "."
    flat = {k.removeprefix(begin): v for k, v in by_name.items() if k.startswith(begin)}
    if is_state_dict(flat):
        yield flat, tuple(k for k, v in by_name.items() if isinstance(v, Tensor) and not k.startswith(begin))


def _state_dicts(found: Any, depth: int = DEPTH) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Entries below ``found`` that hold nothing but tensors, with their path."""
    if not isinstance(found, Mapping) or depth == 0 or found.keys() >= OPTIMIZER:
        return
    for key, value in found.items():
        if str(key).startswith(OF_TRAINING):
            continue
        if is_state_dict(value):
            yield str(key), {str(k): v for k, v in value.items()}
        else:
            for below, tensors in _state_dicts(value, depth - 1):
                yield f"{key}.{below}", tensors


def _joined(found: Any) -> dict[str, Tensor]:
    """``{"encoder": {...}, "decoder": {...}}`` as one state dict, whatever else lies beside."""
    joined: dict[str, Tensor] = {}
    for key, value in found.items() if isinstance(found, Mapping) else ():
        if isinstance(value, Tensor):
            joined[str(key)] = value
        elif is_state_dict(value):
            joined |= {f"{key}.{name}": tensor for name, tensor in value.items()}
    return joined


def _beside(content: Any, taken: Mapping[str, Tensor], entry: str, rename: Mapping[str, str | None]) -> tuple[str, ...]:
    """Other entries, families of flat names and bare lists with tensors of the same shapes as those taken."""
    named = {name: list(tensors.values()) for name, tensors in _state_dicts(content) if name != entry}
    families = _families(content if is_state_dict(content) else {})
    if entry:
        named |= {k: v for k, v in families.items() if k != entry}
        found = [k for k, tensors in named.items() if _alike(tensors, list(taken.values()))]
    else:
        lost = [k for k in families if f"{k}." in rename and rename[f"{k}."] is None]
        kept = [v for k, v in families.items() if k not in lost]
        found = [k for k in lost if any(_alike(families[k], other) for other in kept)]
        found += [k for k, tensors in named.items() if _alike(tensors, list(taken.values()))]
    return (*found, *(k for k, tensors in _lists(content) if _alike(tensors, list(taken.values()))))


def _alike(some: Sequence[Tensor], taken: Sequence[Tensor]) -> bool:
    """Whether ``some`` could be other values of what was taken: averages of parameters come without buffers."""
    shapes, look = (Counter(tuple(t.shape) for t in tensors) for tensors in (some, taken))
    return shapes <= look and 2 * len(some) > len(taken)


def _first(name: str) -> str:
    return name.partition(".")[0]


def _families(flat: Mapping[Any, Tensor]) -> dict[str, list[Tensor]]:
    """Flat names' tensors by the first part of each name."""
    found: dict[str, list[Tensor]] = {}
    for name, tensor in flat.items():
        if "." in str(name):
            found.setdefault(_first(str(name)), []).append(tensor)
    return found


def _lists(found: Any, depth: int = DEPTH) -> Iterator[tuple[str, list[Tensor]]]:
    if not isinstance(found, Mapping) or depth == 0:
        return
    for key, value in found.items():
        if isinstance(value, list) and value and all(isinstance(v, Tensor) for v in value):
            yield str(key), value
        for below, tensors in _lists(value, depth - 1):
            yield f"{key}.{below}", tensors


def _kinds(found: object) -> str:
    if isinstance(found, Mapping) and found.keys() >= OPTIMIZER:
        return "the state of an optimizer"
    if isinstance(found, Mapping):
        return few([f"{k}: {type(v).__name__}" for k, v in found.items() if not isinstance(v, Tensor)]) or "nothing"
    return f"a {type(found).__name__}"
