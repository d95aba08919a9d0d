"""A data set: a bright square in one of the four corners."""

from __future__ import annotations

import torch

from gsu_cli.checks import as_int
from gsu_cli.data.base import Dataset, Images

CORNERS = {0: "top left", 1: "top right", 2: "bottom left", 3: "bottom right"}


class Squares:
    """Images of ``2 k x 2 k`` pixels with a noisy bright corner; labels are `CORNERS`.

    Args:
        n: training images; half as many are held out.
        half: k.
        name: what records and messages call it.
    """

    def __init__(self, n: int = 200, half: int = 4, name: str = "squares") -> None:
        self.n, self.half, self.name = as_int("dataset.n", n, 8), as_int("dataset.half", half, 2), name

    def load(self) -> Dataset:
        return Dataset(self.name, self._images(self.n, 0), self._images(self.n // 2, 1), CORNERS, "drawn by a rule")

    def _images(self, n: int, seed: int) -> Images:
        labels = torch.arange(n) % len(CORNERS)
        side, g = 2 * self.half, torch.Generator().manual_seed(seed)
        corners = torch.nn.functional.one_hot(labels, len(CORNERS)).view(n, 1, 2, 2)
        bright = corners.repeat_interleave(self.half, 2).repeat_interleave(self.half, 3)
        noise = torch.randint(50, (n, 1, side, side), generator=g)
        return Images((200 * bright + noise).to(torch.uint8), labels)
