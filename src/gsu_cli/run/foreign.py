"""Weights that gsu did not write: a state dict as ``torch.save`` or safetensors left it, put into a named class.

Nothing but tensors is read (``weights_only``), names must match the class's to the last one after renaming, and what is
loaded is written again as a checkpoint of gsu before anything is measured.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gsu_cli.errors import CheckpointError
from gsu_cli.run.checkpoints import is_pickle, one_line

SHOWN = 3  # names in a message


def read_state_dict(
    path: Path, *, entry: str | None = None, rename: Mapping[str, str] | None = None
) -> dict[str, Tensor]:
    """The tensors of a file, by name.

    Args:
        path: of ``torch.save(model.state_dict(), path)``, of a dict that holds one, or a safetensors file.
        entry: where in the dict the state dict lies, "model" say; levels apart by dots.
        rename: beginnings of names and what stands there instead; of several that fit, the longest.

    Raises:
        CheckpointError: the file is missing or damaged, holds anything but tensors, there is no such entry, or a
            beginning occurs in no name, or two names become one.
    """
    if not path.is_file():
        raise CheckpointError("`checkpoint.path` must be an existing file", found=path)
    found: Any = _read(path)
    for key in entry.split(".") if entry else []:
        if not isinstance(found, Mapping) or key not in found:
            has = ", ".join(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
            raise CheckpointError(
                f"`checkpoint.entry` must lead to a state dict in {path}", found=f"{entry}, among {has}"
            )
        found = found[key]
    if not isinstance(found, Mapping) or not found or not all(isinstance(v, Tensor) for v in found.values()):
        inside = [str(k) for k, v in found.items() if isinstance(v, Mapping)] if isinstance(found, Mapping) else []
        raise CheckpointError(
            "a foreign checkpoint must hold a state dict: tensors by name",
            found=f"{_kinds(found)} in {path}",
            way_out=f"Name the entry that does: checkpoint.entry={' or '.join(inside)}"
            if inside
            else "Save it with torch.save(model.state_dict(), path)",
        )
    return renamed({str(k): v for k, v in found.items()}, rename or {})


def renamed(tensors: Mapping[str, Tensor], rename: Mapping[str, str]) -> dict[str, Tensor]:
    """``tensors`` under new names.

    >>> list(renamed({"fc1.weight": torch.ones(1), "fc.bias": torch.ones(1)}, {"fc1.": "encoder.0.", "fc": "head"}))
    ['encoder.0.weight', 'head.bias']
    """
    used: set[str] = set()
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        old = max((begin for begin in rename if name.startswith(begin)), key=len, default=None)
        new = name if old is None else f"{rename[old]}{name.removeprefix(old)}"
        if old is not None:
            used.add(old)
        if new in found:
            raise CheckpointError("`checkpoint.rename` must leave every name its own", found=f"two called {new}")
        found[new] = value
    if idle := [begin for begin in rename if begin not in used]:
        raise CheckpointError(
            "every beginning in `checkpoint.rename` must occur",
            found=f"{', '.join(idle)}, with which none of {_few(list(tensors))} begins",
        )
    return found


def load_into(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Puts the tensors into ``model``, every one of them and nothing else.

    Raises:
        CheckpointError: names or shapes differ; says which.
    """
    own = model.state_dict()
    missing, extra = [k for k in own if k not in tensors], [k for k in tensors if k not in own]
    shapes = [
        f"{k} {tuple(v.shape)} for {tuple(own[k].shape)}"
        for k, v in tensors.items()
        if k in own and v.shape != own[k].shape
    ]
    parts = [("missing", missing), ("not of the class", extra), ("of another shape", shapes)]
    if wrong := [f"{what}: {_few(names)}" for what, names in parts if names]:
        raise CheckpointError(
            f"the names in {path} must be those of {type(model).__name__}",
            found="; ".join(wrong),
            way_out="Map beginnings of names with checkpoint.rename={old.:new.}; shapes follow model.* options",
        )
    model.load_state_dict(dict(tensors))


def _read(path: Path) -> Any:
    try:
        if is_pickle(path):
            return torch.load(path, map_location="cpu", weights_only=True)
        with safe_open(path, framework="pt") as tensors:
            return {k: tensors.get_tensor(k) for k in tensors.keys()}  # noqa: SIM118  # safe_open is no mapping
    except pickle.UnpicklingError as e:
        raise CheckpointError(
            "a foreign checkpoint must hold tensors and nothing that could run code",
            found=f"more than that in {path}",
            way_out="Save the state dict alone: torch.save(model.state_dict(), path)",
        ) from e
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as e:
        raise CheckpointError(
            "a foreign checkpoint must be a whole file of torch.save or safetensors", found=f"{path} ({one_line(e)})"
        ) from e


def _kinds(found: object) -> str:
    if isinstance(found, Mapping):
        return _few([f"{k}: {type(v).__name__}" for k, v in found.items() if not isinstance(v, Tensor)]) or "nothing"
    return f"a {type(found).__name__}"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
