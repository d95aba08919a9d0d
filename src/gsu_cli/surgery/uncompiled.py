"""Optimisers of torch that leave out its compiler, which takes over a second to import and which nothing here uses.

Making an optimiser of `torch.optim` and its first step import the compiler, to keep themselves out of what it compiles.
"""

from __future__ import annotations

import inspect
from typing import TypeVar, cast

import torch
from torch.optim import Optimizer

Kind = TypeVar("Kind", bound=Optimizer)
LOOKED_AT = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")  # what it is kept out of, beside steps


def uncompiled(kind: type[Kind]) -> type[Kind]:
    """``kind`` with the same steps, states and schedules, to the last bit; it must not be part of what is compiled.

    >>> w = torch.ones(2, requires_grad=True)
    >>> optimiser = uncompiled(torch.optim.SGD)([w], lr=0.1)
    >>> w.sum().backward()
    >>> optimiser.step()
    >>> w
    tensor([0.9000, 0.9000], requires_grad=True)
    """
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in LOOKED_AT}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return cast(type[Kind], type(kind.__name__, (kind,), {**plain, "step": step}))


Adam, AdamW = uncompiled(torch.optim.Adam), uncompiled(torch.optim.AdamW)
"""Kingma and Ba 2015; Loshchilov and Hutter 2019."""
