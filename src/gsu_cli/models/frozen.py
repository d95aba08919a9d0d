"""Parameters that are not to move: those with ``requires_grad=False`` beside others without."""

from __future__ import annotations

from typing import Any


def trainable(model: Any) -> list[str]:
    """Names of the parameters that may be moved; of a model that is frozen as a whole all of them.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1, bias=False))
    >>> _ = model[0].requires_grad_(False)
    >>> trainable(model), trainable(model.requires_grad_(False))
    (['1.weight'], ['0.weight', '0.bias', '1.weight'])
    """
    each = list(model.named_parameters())
    free = [name for name, p in each if p.requires_grad]
    return free or [name for name, _ in each]
