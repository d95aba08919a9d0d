"""Sampling in proportion to size: a part that stands for a whole of which a few entries are most.

Each entry weighs one over its chance (Horvitz and Thompson 1952, JASA 47), and the choice is systematic: no random
number takes part.
"""

from __future__ import annotations

import torch
from torch import Tensor

LIGHT = 0.3  # of the mean size, added to each: what is small here may be large nearby


def chosen_by_size(size: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """A part of all entries, those of a large ``size`` the likelier, and what each of them stands for.

    Chances are in proportion to size plus `LIGHT`, at most 1, and add up to ``n``; entries are taken where the running
    sum of chances passes a half and whole numbers more, so the same sizes give the same part.

    Args:
        size: ``(m,)`` float64, not negative.
        n: entries to take, fewer than m.

    Returns:
        Indices ``(n,)``, ascending, and weights ``(n,)`` float64, which add up to m.
    """
    chance = size + LIGHT * size.mean()
    if not float(chance.sum()) > 0:
        chance = torch.ones_like(size)
    sure = torch.zeros_like(size, dtype=torch.bool)
    while True:  # what is over 1 is given to the others, which may lift some of them over it
        left = n - int(sure.sum())
        share = torch.where(sure, 1.0, chance * (left / chance[~sure].sum()))
        over = ~sure & (share >= 1)
        if not bool(over.any()):
            break
        sure |= over
    passed = (share.cumsum(0) + 0.5).floor()
    index = (passed.diff(prepend=passed.new_zeros(1)) > 0).nonzero()[:, 0]
    weights = 1 / share[index]
    light = ~sure[index]
    weights[light] *= (len(size) - int(sure.sum())) / weights[light].sum()
    return index, weights
