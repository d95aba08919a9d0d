"""What a data set is to the rest of gsu: uint8 tensors in memory, names for labels, a digest, a source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

OnProgress = Callable[[int, int], None]  # (images done, images in all), called in the thread that called `load`


@dataclass(frozen=True)
class Images:
    """Images in memory.

    Attributes:
        pixels: ``(n, c, h, w)`` uint8.
        labels: ``(n,)`` int64, values of the data set's ``classes``.
        attributes: ``(n, k)`` bool, one column per name in ``Dataset.attribute_names``; None where there are none.
    """

    pixels: Tensor
    labels: Tensor
    attributes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: Tensor | slice) -> Images:
        picked = None if self.attributes is None else self.attributes[index]
        return Images(self.pixels[index], self.labels[index], picked)

    def to(self, device: torch.device) -> Images:
        """The same images on ``device``; itself where they lie there."""
        if self.pixels.device == device:
            return self
        attributes = None if self.attributes is None else self.attributes.to(device)
        return Images(self.pixels.to(device), self.labels.to(device), attributes)

    def floats(self, index: Tensor | None = None) -> Tensor:
        """Pixels in [0, 1], ``(m, c, h, w)`` float32, of all images or of those at ``index``."""
        return to_float(self.pixels if index is None else self.pixels[index])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """``(pixels in [0, 1], labels)`` in order, ``size`` at a time."""
        for start in range(0, len(self), size):
            yield to_float(self.pixels[start : start + size]), self.labels[start : start + size]


def to_float(pixels: Tensor) -> Tensor:
    """uint8 ``(n, c, h, w)`` -> float32 in [0, 1]."""
    return pixels.to(torch.float32).div_(255.0)


@dataclass(frozen=True)
class Canaries:
    """Odd images that were planted into the training images, and others of their kind that were not.

    Attributes:
        n: how many different ones.
        copies: of each, in a row.
        first: index of the first; all lie behind it.
        controls: never planted.
    """

    n: int
    copies: int
    first: int
    controls: Images

    def index(self, numbers: Sequence[int] | None = None) -> Tensor:
        """Training indices of all copies of the canaries of these numbers, or of all, ascending."""
        which = torch.tensor(sorted(numbers) if numbers else range(self.n), dtype=torch.int64)
        return (self.first + which[:, None] * self.copies + torch.arange(self.copies)).flatten()


@dataclass(frozen=True)
class Dataset:
    """A data set with an explicit train / held-out split.

    Attributes:
        name: the group choice, "mnist".
        train: what models are trained on and what is forgotten or retained.
        heldout: images that no training or unlearning ever sees; -ELBO and judges' accuracy are measured here.
        class_names: label value -> name, for the labels that occur.
        attribute_names: column order of ``Images.attributes``; empty where the data set has none.
        source: where the images came from, in words, for the record and the user.
        note: what a reader of any number must know about this source (prominently shown); empty when nothing.
        left_out: labels of the source that `dataset.classes` removed, so that errors can say so.
        whole: the data set before `dataset.classes` removed any; None where it removed none.
        remarks: a sentence each on what was passed over or read otherwise than it stands in the files.
        words: what chooses it on a line, for lines that messages propose.
        canaries: what was planted by `dataset.canaries`; None where nothing was.
    """

    name: str
    train: Images
    heldout: Images
    class_names: dict[int, str]
    source: str
    attribute_names: tuple[str, ...] = ()
    note: str = ""
    left_out: tuple[int, ...] = ()
    whole: Dataset | None = None
    remarks: tuple[str, ...] = ()
    words: str = ""
    canaries: Canaries | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(c, h, w)`` of every image."""
        c, h, w = self.train.pixels.shape[1:]
        return int(c), int(h), int(w)

    def digest(self) -> str:
        """sha256 of the pixels and labels of both parts, in order: what was really seen, whatever file it came from."""
        h = hashlib.sha256()
        for part in (self.train, self.heldout):
            for t in (part.pixels, part.labels, part.attributes):
                if t is not None:
                    h.update(str((tuple(t.shape), t.dtype)).encode())
                    h.update(t.contiguous().numpy().data)
        return h.hexdigest()
