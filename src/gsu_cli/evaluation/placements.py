"""Where values stand among others."""

from __future__ import annotations

import torch
from torch import Tensor


def placements(of: Tensor, among: Tensor) -> Tensor:
    """For each value of ``of``, the share of ``among`` below it, ties by half; float64.

    >>> placements(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 1.0, 2.0, 3.0])).tolist()
    [0.25, 0.625]
    """
    ordered = among.sort().values
    below = torch.searchsorted(ordered, of.contiguous())
    up_to = torch.searchsorted(ordered, of.contiguous(), right=True)
    return (below + up_to).double() / (2 * len(among))
