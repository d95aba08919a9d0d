"""A judge decides whether an image shows a class or an attribute. None is trusted alone: two give every ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from gsu_cli.data.base import Dataset, Images
from gsu_cli.data.split import Split


@dataclass(frozen=True)
class Verdict:
    """What a judge of classes says of n images.

    Attributes:
        labels: ``(n,)`` int64, the class it would name if forced to.
        confidence: ``(n,)`` in [0, 1].
        abstains: ``(n,)`` bool: below the judge's own threshold. Ratios use ``labels`` all the same (abstaining would
            flatter a method that generates rubbish); the abstention rate is reported beside them.
    """

    labels: Tensor
    confidence: Tensor
    abstains: Tensor

    def __getitem__(self, index: Tensor) -> Verdict:
        """What was said of the images at ``index``."""
        return Verdict(self.labels[index], self.confidence[index], self.abstains[index])

    def shows(self, split: Split) -> Tensor | None:
        """Which images show what is to be forgotten, ``(n,)`` bool; None where that is no class."""
        if not split.target_classes:
            return None
        return torch.isin(self.labels, torch.tensor(split.target_classes, dtype=torch.int64))

    def unsure(self, split: Split) -> Tensor:
        """Where the judge abstains, ``(n,)`` bool."""
        return self.abstains

    def right(self, truth: Images, split: Split) -> Tensor:
        """Where it agrees with what is known of the images, ``(n,)`` bool."""
        return self.labels == truth.labels


@dataclass(frozen=True)
class AttributeVerdict:
    """What a judge of attributes says of n images, of each of k attributes apart.

    Attributes:
        names: of the attributes, in order of the columns.
        present: ``(n, k)`` bool, what it would say if forced to.
        confidence: ``(n, k)`` in [0.5, 1], of what it says.
        abstains: ``(n, k)`` bool: below the judge's own threshold.
    """

    names: tuple[str, ...]
    present: Tensor
    confidence: Tensor
    abstains: Tensor

    def __getitem__(self, index: Tensor) -> AttributeVerdict:
        """What was said of the images at ``index``."""
        return AttributeVerdict(self.names, self.present[index], self.confidence[index], self.abstains[index])

    def has(self, name: str) -> Tensor:
        """Which images show the attribute ``name``, ``(n,)`` bool."""
        return self.present[:, self.names.index(name)]

    def shows(self, split: Split) -> Tensor | None:
        """Which images show what is to be forgotten, ``(n,)`` bool; None where that is no attribute known to it."""
        return self.has(split.target_attribute) if split.target_attribute in self.names else None

    def unsure(self, split: Split) -> Tensor:
        """Where it abstains on what is to be forgotten; on any attribute where nothing is, ``(n,)`` bool."""
        if split.target_attribute in self.names:
            return self.abstains[:, self.names.index(split.target_attribute)]
        return self.abstains.any(1)

    def right(self, truth: Images, split: Split) -> Tensor:
        """Where it is right about what is to be forgotten; where nothing is, ``(n k,)`` over all attributes."""
        if truth.attributes is None:
            raise ValueError("images without attributes say nothing about a judge of attributes")
        columns = [split.dataset.attribute_names.index(name) for name in self.names]
        agree = self.present == truth.attributes[:, columns]
        if split.target_attribute in self.names:
            return agree[:, self.names.index(split.target_attribute)]
        return agree.flatten()


@runtime_checkable
class Judge(Protocol):
    """Ready to judge images of one data set; tables call it by its ``label``, where it has one, or its name."""

    name: str

    def __call__(self, pixels: Tensor) -> Verdict | AttributeVerdict:
        """Judges uint8 images ``(n, c, h, w)``."""

    def provenance(self) -> dict[str, object]:
        """What the record says of it: weights' path and sha256, or the reference images."""


@runtime_checkable
class FeatureJudge(Judge, Protocol):
    """A judge with a feature space in which distributions are compared.

    Features are what costs; all else is asked of them, so that several metrics share one pass over the images.
    """

    def features(self, pixels: Tensor) -> Tensor:
        """Features of uint8 images, ``(n, d)`` float32."""

    def probabilities(self, features: Tensor) -> Tensor:
        """Of features ``(n, d)``: class probabilities ``(n, classes)``, or for attributes ``(n, k, 2)``: no and yes."""

    def verdict(self, features: Tensor) -> Verdict | AttributeVerdict:
        """What the judge says of images with these features."""


@runtime_checkable
class HasContent(Protocol):
    """A judge whose answers can be kept for another run."""

    def content(self) -> str:
        """All that its answers depend on beside the images and the code of this package, as a digest."""


class JudgeSpec(Protocol):
    """What a yaml of the group ``judge`` builds: knows its settings, not yet the data."""

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        """The judge for ``dataset``.

        Raises:
            Unavailable: it cannot judge this data set; numbers that need it become null with the reason.
        """


def label_of(judge: Judge | JudgeSpec, name: str) -> str:
    """What tables call a judge: its ``label``, where it has one, or its name."""
    label = getattr(judge, "label", None)
    return label if isinstance(label, str) and label else name


class Unavailable(Exception):  # noqa: N818  # a state to be recorded, not an error of anyone
    """Evidence that cannot be had here, with the reason."""
