"""A judge decides whether an image shows a class. No judge is trusted alone: every ratio is given by two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from gsu_cli.data.base import Dataset


@dataclass(frozen=True)
class Verdict:
    """What a judge says of n images.

    Attributes:
        labels: ``(n,)`` int64, the class it would name if forced to.
        confidence: ``(n,)`` in [0, 1].
        abstains: ``(n,)`` bool: below the judge's own threshold. Ratios use ``labels`` all the same (abstaining would
            flatter a method that draws rubbish); the abstention rate is reported beside them.
    """

    labels: Tensor
    confidence: Tensor
    abstains: Tensor

    def __getitem__(self, index: Tensor) -> Verdict:
        """What was said of the images at ``index``."""
        return Verdict(self.labels[index], self.confidence[index], self.abstains[index])


@runtime_checkable
class Judge(Protocol):
    """Ready to judge images of one data set."""

    name: str

    def __call__(self, pixels: Tensor) -> Verdict:
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
        """Class probabilities ``(n, classes)`` of features ``(n, d)``."""

    def verdict(self, features: Tensor) -> Verdict:
        """What the judge says of images with these features."""


class JudgeSpec(Protocol):
    """What a yaml of the group ``judge`` builds: knows its settings, not yet the data."""

    def prepare(self, dataset: Dataset, *, seed: int) -> Judge:
        """The judge for ``dataset``.

        Raises:
            Unavailable: it cannot judge this data set; numbers that need it become null with the reason.
        """


class Unavailable(Exception):  # noqa: N818  # a state to be recorded, not an error of anyone
    """Evidence that cannot be had here, with the reason."""
