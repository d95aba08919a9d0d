"""What a module computes with and its state dict does not hold: buffers that are not persistent, plain attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def first_unheld(model: nn.Module, other: nn.Module) -> str:
    """The first of them in which two modules of one class differ, in words; "" where none is seen.

    >>> class Kept(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.features, self.steps = torch.rand(2), 0
    >>> first_unheld(Kept(), Kept())
    'features, a tensor that is neither a parameter nor a buffer'
    """
    own, theirs = dict(_unheld(model)), dict(_unheld(other))
    for name, (value, what) in {**theirs, **own}.items():
        if name not in own or name not in theirs or not _same(value, theirs[name][0]):
            return f"{name}, {what}"
    return ""


def _unheld(model: nn.Module) -> Iterator[tuple[str, tuple[Any, str]]]:
    usual = vars(nn.Module())
    for place, module in model.named_modules():
        prefix = f"{place}." if place else ""
        for name in sorted(module._non_persistent_buffers_set):
            yield prefix + name, (module._buffers.get(name), "a buffer with persistent=False")
        for name, value in vars(module).items():
            if name not in usual and isinstance(value, Tensor | np.ndarray | int | float | list | tuple):
                yield prefix + name, (value, f"{_kind(value)} that is neither a parameter nor a buffer")


def _kind(value: object) -> str:
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, np.ndarray):
        return "an array"
    return "a list" if isinstance(value, list | tuple) else "a number"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and torch.equal(a, b)
    return not isinstance(a, np.ndarray | int | float) or bool(np.array_equal(a, b))
