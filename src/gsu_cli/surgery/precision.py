"""In how many bits a network computes where rounding does no harm: in training and in sampling, never elsewhere.

bfloat16 keeps eight bits of a number: enough for a step of training and for a picture of 256 levels, not for a
difference that a budget rests on. Weights, gradients, sums and statistics are float32 or wider all the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

PRECISIONS = ("float32", "bfloat16")
_of_samples: list[str] = ["float32"]


def computes_in(precision: str, device: torch.device) -> bool:
    """Whether a device has instructions of its own for it: without, it would only be slower."""
    if precision == "float32":
        return True
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def rounding_to(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Within, the large products of networks on ``device`` are computed in ``precision``."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def widened(x: Tensor) -> Tensor:
    """``x``, in float32 where it came out in bfloat16."""
    return x.float() if x.dtype == torch.bfloat16 else x


@contextlib.contextmanager
def samples_in(precision: str) -> Iterator[None]:
    """Within, samples are generated in ``precision``, see `sampling`."""
    _of_samples.append(precision)
    try:
        yield
    finally:
        _of_samples.pop()


def sampling(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """For samples that are judged: in the precision of the run."""
    return rounding_to(_of_samples[-1], device)
