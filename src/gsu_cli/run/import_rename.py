"""Names of foreign weights changed as the line says."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from gsu_cli.errors import CheckpointError
from gsu_cli.run.import_entries import few
from gsu_cli.run.import_names import Rename, unwrapped


def renamed(tensors: Mapping[str, Tensor], rename: Rename) -> dict[str, Tensor]:
    """``tensors`` under new names.

    >>> import torch
    >>> list(renamed({"fc1.weight": torch.ones(1), "fc.bias": torch.ones(1)}, {"fc1.": "encoder.0.", "fc": "head"}))
    ['encoder.0.weight', 'head.bias']
    >>> list(renamed({"ema.weight": torch.ones(1), "raw.weight": torch.ones(1)}, {"ema.": "", "raw.": None}))
    ['weight']
    """
    return renamed_with_rest(tensors, rename)[0]


def renamed_with_rest(tensors: Mapping[str, Tensor], rename: Rename) -> tuple[dict[str, Tensor], list[str]]:
    plain = unwrapped(tensors)
    if not _occur(rename, list(tensors)) and _occur(rename, plain):  # beginnings of the names without module.
        tensors = dict(zip(plain, tensors.values(), strict=True))
    used: set[str] = set()
    found: dict[str, Tensor] = {}
    dropped: list[str] = []
    for name, value in tensors.items():
        old = max((begin for begin in rename if name.startswith(begin)), key=len, default=None)
        if old is not None:
            used.add(old)
        new = None if old is None else rename[old]
        if old is not None and new is None:
            dropped.append(name)
            continue
        to = name if old is None else f"{new}{name.removeprefix(old)}"
        if to in found:
            raise CheckpointError("`checkpoint.rename` must leave every name its own", found=f"two called {to}")
        found[to] = value
    if idle := [begin for begin in rename if begin not in used]:
        raise CheckpointError(
            "every beginning in `checkpoint.rename` must occur",
            found=f"{', '.join(idle)}, with which none of {few(list(tensors))} begins",
        )
    return found, dropped


def _occur(rename: Rename, names: list[str]) -> bool:
    return all(any(name.startswith(old) for name in names) for old in rename)
