"""Random batches of one part of the data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.run.seeds import generator


class Batches:
    """Endless random batches of one part of the data, each pass in an order of its own; smaller parts come whole."""

    def __init__(self, images: Images, size: int, *, seed: int) -> None:
        if not len(images):
            raise UsageError("a method needs at least one image of each part", found=0)
        self.images, self.size = images, min(size, len(images))
        self._order, self._generator = torch.empty(0, dtype=torch.int64), generator(seed, "order")

    def draw(self) -> tuple[Tensor, Tensor]:
        """Pixels in [0, 1] and labels of the next batch."""
        if len(self._order) < self.size:
            self._order = torch.randperm(len(self.images), generator=self._generator)
        index, self._order = self._order[: self.size], self._order[self.size :]
        return self.images.floats(index), self.images.labels[index]


def repeated(batch: Sequence[Tensor], n: int) -> tuple[Tensor, Tensor]:
    """Images and labels ``n`` times, in turn where there are fewer."""
    images, labels = batch
    index = torch.arange(n, device=images.device) % len(images)
    return images[index], labels[index]
