"""What is forgotten, what is retained, what neither training nor unlearning has seen: index sets that cannot lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images


@dataclass(frozen=True, eq=False)
class Split:
    """A data set split by a forget spec.

    ``forget`` and ``retain`` are disjoint and together all of ``dataset.train``; ``heldout_forget`` and
    ``heldout_retain`` likewise of ``dataset.heldout``. Construction proves it.

    Attributes:
        dataset: what the indices point into.
        forget: indices into ``dataset.train``, ``(n_f,)`` int64, ascending.
        retain: the rest of ``dataset.train``, ``(n_r,)`` int64, ascending.
        heldout_forget: held-out images with the class or attribute, ascending; empty for samples and a bare fraction.
        heldout_retain: the rest of ``dataset.heldout``, ascending.
        target_classes: labels that a judge must look for in generated images; None when no class is forgotten.
        target_attribute: the attribute a judge must look for; None when none is forgotten.
        slug: what was asked for, as part of a file name: "class_1".
        words: the same for people: "class 1", "class 2 (dog)", "5 % of class 1".
        fraction: share of those asked for that was chosen at random; None: all of them.
        by_index: whether single images were asked for.
        by_canary: whether planted canaries were asked for.
        copies: of each forgotten image, in a row among ``forget``; more than one of canaries alone.
        trained_elsewhere: why the model measured here may have been trained on held-out images; empty: it was not.

    Raises:
        RuntimeError: the index sets overlap, leave something out or are not ascending int64; a defect of gsu.
    """

    dataset: Dataset
    forget: Tensor
    retain: Tensor
    heldout_forget: Tensor
    heldout_retain: Tensor
    target_classes: tuple[int, ...] | None = None
    target_attribute: str | None = None
    slug: str = "any"
    words: str = "the training set"
    fraction: float | None = None
    by_index: bool = False
    by_canary: bool = False
    copies: int = 1
    trained_elsewhere: str = ""

    def __post_init__(self) -> None:
        _prove_partition(self.forget, self.retain, len(self.dataset.train), "training set")
        _prove_partition(self.heldout_forget, self.heldout_retain, len(self.dataset.heldout), "held-out set")

    # Each of these four copies pixels on every access; keep the result when it is needed twice.
    @property
    def forget_images(self) -> Images:
        return self.dataset.train[self.forget]

    @property
    def retain_images(self) -> Images:
        return self.dataset.train[self.retain]

    @property
    def heldout_forget_images(self) -> Images:
        return self.dataset.heldout[self.heldout_forget]

    @property
    def heldout_retain_images(self) -> Images:
        return self.dataset.heldout[self.heldout_retain]

    @property
    def judged(self) -> Dataset:
        """As judges tell it apart: by classes where a class is forgotten, else by attributes, if it has some."""
        data = self.dataset
        if not (self.target_classes and data.attribute_names):
            return data
        train, heldout = (replace(images, attributes=None) for images in (data.train, data.heldout))
        return replace(data, train=train, heldout=heldout, attribute_names=())

    @property
    def different(self) -> Tensor:
        """Indices of the forgotten images, one of the copies of each."""
        return self.forget[:: self.copies]

    @property
    def unseen(self) -> tuple[Images, Tensor]:
        """Images, and the indices of those of the forgotten kind that no training has seen.

        Canaries that were never planted, held-out images of the forgotten class or attribute, else all held-out ones.
        """
        if self.by_canary and self.dataset.canaries is not None:
            controls = self.dataset.canaries.controls
            return controls, torch.arange(len(controls))
        heldout = self.heldout_forget if len(self.heldout_forget) else self.heldout_retain
        return self.dataset.heldout, heldout

    @property
    def lacks_unseen(self) -> str:
        """Why `unseen` may have been trained on; empty where they were not. A canary never planted never was."""
        return "" if self.by_canary else self.trained_elsewhere

    @property
    def unseen_words(self) -> str:
        """What `unseen` are."""
        return "canaries that were never planted" if self.by_canary else "held-out images"

    @property
    def n_forget(self) -> int:
        return len(self.forget)

    @property
    def n_retain(self) -> int:
        return len(self.retain)

    @property
    def n_heldout(self) -> int:
        return len(self.dataset.heldout)

    def to(self, device: torch.device) -> Split:
        """The same split with the training images on ``device``, for those who compute there."""
        return replace(self, dataset=replace(self.dataset, train=self.dataset.train.to(device)))

    def digest(self) -> str:
        """sha256 of the forgotten indices, ascending, as int64: which images, whatever words chose them."""
        return hashlib.sha256(self.forget.contiguous().numpy().data).hexdigest()

    def describe_sizes(self) -> str:
        """``"forget 6,742 and retain 53,258 training images; held out 1,135 to forget and 8,865 to retain"``."""
        return (
            f"forget {self.n_forget:,} and retain {self.n_retain:,} training images; "
            f"held out {len(self.heldout_forget):,} to forget and {len(self.heldout_retain):,} to retain"
        )


def complement(index: Tensor, n: int) -> Tensor:
    """The indices below ``n`` that are not in ``index``, ascending, int64.

    >>> complement(torch.tensor([1, 3]), 5).tolist()
    [0, 2, 4]
    """
    keep = torch.ones(n, dtype=torch.bool)
    keep[index] = False
    return keep.nonzero().squeeze(1)


def _prove_partition(one: Tensor, other: Tensor, n: int, name: str) -> None:
    for part in (one, other):
        if part.dtype != torch.int64 or part.ndim != 1 or not bool((part[1:] > part[:-1]).all()):
            raise RuntimeError(f"defect: index sets of the {name} must be ascending vectors of int64")
    if not torch.equal(torch.cat([one, other]).sort().values, torch.arange(n)):
        raise RuntimeError(f"defect: forget and retain must be disjoint and cover the {n} images of the {name}")
