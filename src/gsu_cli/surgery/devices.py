"""What differs between devices: where float64 lives, and where noise comes from.

Noise is made on the CPU from the given generator and then moved, so one seed means the same noise on every device.
Sums that must not drown in float32 are taken in float64; a device that has none (Apple's) hands them to the CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NO_FLOAT64 = {"mps"}  # types of devices on which torch has no double precision


def device_of(module: nn.Module) -> torch.device:
    """Where a module's parameters lie; the CPU for one without."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))


def beside(x: Tensor, module: nn.Module) -> Tensor:
    """``x`` where a module's parameters lie, in their precision."""
    like = next((p for p in module.parameters() if p.is_floating_point()), x)
    return x.to(like.device, like.dtype)


def wide(x: Tensor) -> Tensor:
    """``x`` in float64, on its device or, where that has no float64, on the CPU.

    >>> wide(torch.ones(2)).dtype
    torch.float64
    """
    return x.cpu().double() if x.device.type in NO_FLOAT64 else x.double()


def normal(shape: torch.Size | tuple[int, ...], generator: torch.Generator, like: Tensor | None = None) -> Tensor:
    """Standard normal noise.

    Args:
        shape: of the noise.
        generator: of the CPU.
        like: a tensor whose dtype the noise is made in and whose device it is moved to; float32 on the CPU when None.
    """
    if like is None:
        return torch.randn(shape, generator=generator)
    return torch.randn(shape, generator=generator, dtype=like.dtype).to(like.device)


def uniform(shape: torch.Size | tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Noise uniform in [0, 1), float32, on the device of ``like``."""
    return torch.rand(shape, generator=generator).to(like.device)


def coins(p: Tensor, generator: torch.Generator) -> Tensor:
    """0 or 1, 1 with the probability that ``p`` says entry by entry; on the device of ``p``."""
    return torch.bernoulli(p.cpu(), generator=generator).to(p.device)


def add_wide(sums: dict[str, Tensor], key: str, term: Tensor) -> None:
    """Adds ``term`` to the float64 sum ``sums[key]``, which it begins where there is none."""
    sums[key] = sums[key].add_(term.to(sums[key].device)) if key in sums else wide(term)


def share_of(hits: Tensor) -> float:
    """The share of true entries.

    >>> share_of(torch.tensor([True, False, False, False]))
    0.25
    """
    return float(wide(hits).mean())
