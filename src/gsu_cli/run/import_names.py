"""Names that differ though the weights are the same: wrappers, weight normalisation, ties, counters, one prefix.

Each rule here is exact: it changes a name, never a number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor

from gsu_cli.errors import CheckpointError

Rename = Mapping[str, str | None]


WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Of torch.compile; DataParallel, DistributedDataParallel and averaged models; FSDP; recomputed activations."""


UPDATES = "n_averaged"  # AveragedModel counts its updates there


COUNTER = "num_batches_tracked"


OLD_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}


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


def is_update_count(name: str, value: Tensor) -> bool:
    """Whether this is torch's count of the models that were averaged, which is no weight."""
    return name.rpartition(".")[2] == UPDATES and value.numel() == 1 and not value.is_floating_point()


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
