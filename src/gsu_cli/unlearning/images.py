"""Random images of a part: what a method looks at."""

from __future__ import annotations

from typing import Literal

import torch

from gsu_cli.data.base import Images
from gsu_cli.data.split import Split

CHECK_IMAGES = 1000
"""Of each part, at most: those on which trajectories and budgets are measured."""


def draw_images(split: Split, part: Literal["forget", "retain"], most: int, *, seed: int) -> Images:
    """All training images of a part, or a random ``most`` of them, in random order."""
    index = split.forget if part == "forget" else split.retain
    order = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed % 2**63))
    return split.dataset.train[index[order[:most]]]


def first(images: Images, n: int) -> Images:
    """The first ``n`` images, or all where there are fewer."""
    return images[torch.arange(min(n, len(images)))]
