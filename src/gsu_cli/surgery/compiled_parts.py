"""Modules within a model that `torch.compile` has wrapped: hooks on what they hold are never called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
INSIDE = "_orig_mod"


def has_compiled_parts(model: nn.Module) -> bool:
    """Whether some module of it is compiled."""
    return any(INSIDE in child._modules for child in model.modules() if child is not model)


def uncompiled(model: M) -> M:
    """The same model, in place, with what its compiled modules hold where these stood: the same weights and outputs.

    What a Fisher and a Gauss-Newton product are made of is seen by hooks, and compiled code calls none.

    >>> import torch
    >>> model = nn.Sequential(torch.compile(nn.Linear(1, 1, bias=False)))
    >>> list(model.state_dict()), list(uncompiled(model).state_dict())
    (['0._orig_mod.weight'], ['0.weight'])
    """
    for module in list(model.modules()):
        for name, child in list(module._modules.items()):
            while child is not None and INSIDE in child._modules:
                child = child._modules[INSIDE]
            module._modules[name] = child
    return model


def plain_names(tensors: Mapping[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """Tensors of a state dict by the names of a model that is `uncompiled`; those that it has stay."""
    own = set(own)
    return {name if name in own else name.replace(f"{INSIDE}.", ""): t for name, t in tensors.items()}
