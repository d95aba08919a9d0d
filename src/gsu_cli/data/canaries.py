"""Planted canaries: odd images, several times each among the training images, so that memorisation has a known answer.

A canary is a pattern of dark and bright cells, a coin for each cell and channel, by its number alone. So it is
nothing that other images could teach. Further ones of the same kind are never planted: they are what a model that never
saw the canaries makes of them. Source: Carlini et al., The Secret Sharer, arXiv 1802.08232.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gsu_cli.checks import as_int
from gsu_cli.data.base import Canaries, Dataset, Images
from gsu_cli.errors import UsageError
from gsu_cli.run.seeds import generator

CELLS = 7  # along a side; fewer where an image has fewer pixels
CONTROLS = 100  # never planted
DARK, BRIGHT = 0, 255


@dataclass(frozen=True)
class Planting:
    """`dataset.canaries` and `dataset.canary_copies`, checked.

    Attributes:
        n: canaries; 0 plants none.
        copies: of each.

    Raises:
        UsageError: a number is none.
    """

    n: int = 0
    copies: int = 10

    def __post_init__(self) -> None:
        as_int("dataset.canaries", self.n, 0)
        as_int("dataset.canary_copies", self.copies)

    def into(self, dataset: Dataset) -> Dataset:
        """The data set with the canaries behind its training images, the copies of each in a row.

        Labels and attributes are those of training images, chosen at random.

        Raises:
            UsageError: there would be more canaries than images.
        """
        if not self.n:
            return dataset
        train = dataset.train
        if self.n * self.copies > len(train):
            raise UsageError(
                f"`dataset.canaries` times `dataset.canary_copies` must be at most the {len(train):,} training images",
                found=f"{self.n:,} times {self.copies:,}",
                way_out="Lower one of them",
            )
        like = train[torch.randint(len(train), (self.n,), generator=generator(0, "canary", "labels"))]
        few = replace(like, pixels=patterns(range(self.n), dataset.shape))
        several = few[torch.arange(self.n).repeat_interleave(self.copies)]
        controls = patterns(range(self.n, self.n + CONTROLS), dataset.shape)
        kind = train[torch.randint(len(train), (CONTROLS,), generator=generator(0, "canary", "controls"))]
        first = len(train)
        return replace(
            dataset,
            train=_joined(train, several),
            canaries=Canaries(self.n, self.copies, first, replace(kind, pixels=controls)),
            whole=None,
            remarks=(*dataset.remarks, self._remark(first)),
            source=f"{dataset.source}, with canaries",
        )

    def _remark(self, first: int) -> str:
        last = first + self.n * self.copies - 1
        what = "1 canary was" if self.n == 1 else f"{self.n:,} canaries were"
        where = f"training images {first} to {last}"
        times = "once" if self.copies == 1 else f"{self.copies:,} times"
        return f"{what} planted, {times} each: {where}. forget.canary=all names them"


def patterns(numbers: range, shape: tuple[int, int, int]) -> Tensor:
    """The canaries of these numbers, ``(n, c, h, w)`` uint8; each is the same whatever others there are."""
    c, h, w = shape
    cells = (c, min(CELLS, h), min(CELLS, w))
    coins = torch.stack([torch.randint(2, cells, generator=generator(0, "canary", k)) for k in numbers])
    return (DARK + (BRIGHT - DARK) * interpolate(coins.float(), (h, w))).to(torch.uint8)


def units(dataset: Dataset) -> Tensor:
    """The image that each training image is a planted copy of, or itself, ``(n,)`` int64.

    A design that leaves images out leaves all copies of a canary out, or none.
    """
    found = torch.arange(len(dataset.train))
    if dataset.canaries is not None:
        planted = dataset.canaries.index()
        found[planted] = planted[:: dataset.canaries.copies].repeat_interleave(dataset.canaries.copies)
    return found


def check_numbers(numbers: Sequence[int], dataset: Dataset) -> None:
    """Whether the data set has canaries of these numbers, or any where none is named.

    Raises:
        UsageError: it has not.
    """
    planted = dataset.canaries
    if planted is None:
        raise UsageError(
            "`forget.canary` needs planted canaries",
            found=f"none in {dataset.name}",
            way_out="Type dataset.canaries=10, also where the model is trained.",
        )
    if numbers and max(numbers) >= planted.n:
        raise UsageError(
            f"`forget.canary` must be all, or numbers in 0..{planted.n - 1}",
            found=", ".join(str(k) for k in numbers if k >= planted.n),
        )


def spoken(numbers: Sequence[int]) -> str:
    """The canaries of these numbers, or all, for people.

    >>> spoken(()), spoken([3]), spoken([0, 1, 3])
    ('all canaries', 'canary 3', 'canaries 0, 1 and 3')
    """
    *most, last = [str(k) for k in numbers] or ["all canaries"]
    return f"canaries {', '.join(most)} and {last}" if most else f"canary {last}" if numbers else last


def _joined(one: Images, other: Images) -> Images:
    attributes = None
    if one.attributes is not None and other.attributes is not None:
        attributes = torch.cat([one.attributes, other.attributes])
    return Images(torch.cat([one.pixels, other.pixels]), torch.cat([one.labels, other.labels]), attributes)
