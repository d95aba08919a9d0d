"""How many images pass a network together where no gradient is taken: it changes the cost, not what comes out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

AT_ONCE = 100  # large images: their maps stay in a CPU's caches, in two thirds of the time, and in less memory
LARGE = 3_072  # values of an image, more of which are large


def at_once(x: Tensor, shape: Sequence[int], *, training: bool) -> int:
    """Rows of ``x`` in a pass: all of them, or `AT_ONCE` of large images on a CPU.

    Where a gradient is taken sums over a pass have its last bits, and in training BatchNorm looks at a pass: there all
    rows pass together, as on a device, which many fill better.

    Args:
        x: ``(n, ...)``, what goes in.
        shape: of an image.
        training: whether the network is in training mode.
    """
    apart = not (training or torch.is_grad_enabled()) and x.device.type == "cpu" and math.prod(shape) > LARGE
    return AT_ONCE if apart else max(len(x), 1)


def together(parts: Sequence[Tensor]) -> Tensor:
    """Passes one after the other; a single one as it is."""
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts))
