"""A module called with other weights for once: ``torch.func.functional_call`` that puts everything back.

torch's own swaps a tensor under each name that leads to it. Where one module is registered under two names (an adapter
that keeps ``inner`` and ``decoder = inner.decoder``, a layer used twice in a ``Sequential``), the second swap takes the
new weights for the old ones, and they stay. Here each place is swapped once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def called(module: nn.Module, weights: Mapping[str, Tensor], arguments: tuple[Any, ...]) -> Any:
    """``module(*arguments)`` at other weights; its own are the same objects as before afterwards.

    Args:
        module: whose forward pass it is.
        weights: by the names of ``named_parameters()``; a tied tensor is replaced in all of its places.
        arguments: of the forward pass.

    >>> layer = nn.Linear(1, 1, bias=False)
    >>> twice = nn.Sequential(layer, layer)
    >>> called(twice, {"0.weight": torch.full((1, 1), 3.0)}, (torch.ones(1, 1),)), twice[1] is layer
    (tensor([[9.]]), True)
    >>> isinstance(layer.weight, nn.Parameter)
    True
    """
    names: dict[int, str] = {}
    placed = dict(weights)
    for path, owner in module.named_modules():  # each module once, whatever else leads to it
        for own, parameter in owner._parameters.items():
            if parameter is None:
                continue
            place = f"{path}.{own}" if path else own
            first = names.setdefault(id(parameter), place)
            if first in weights:
                placed[place] = weights[first]
    return torch.func.functional_call(module, placed, arguments, tie_weights=False)
