"""The classifier behind the CNN judge: two strided convolutions, a 64-d feature layer, a linear head.

It is trained on real images that are shifted, rotated, scaled, blurred and made noisy at random, so that the softness
of a VAE's images is not itself a reason to misjudge them; it never sees a generated image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.checks import as_ints
from gsu_cli.errors import UsageError
from gsu_cli.models.classifiers.distortion import distort
from gsu_cli.models.classifiers.strided_cnn import StridedCnn


class JudgeCnn(StridedCnn):
    """Classifier of ``(n, c, h, w)`` images.

    Args:
        shape: ``(c, h, w)``.
        labels: the label values it can name, in the order of its outputs.
        width: channels of the first convolution; the second has twice as many.
        feature_dim: d, width of the penultimate layer.

    Raises:
        UsageError: a width is no integer >= 1, or the labels are not different integers.
    """

    labels: Tensor

    def __init__(self, shape: Sequence[int], labels: Sequence[int], width: int = 32, feature_dim: int = 64) -> None:
        if len(set(as_ints("model.labels", labels, least=0))) < len(labels):
            raise UsageError("`model.labels` must name each label once", found=list(labels))
        super().__init__(shape, len(labels), width=width, feature_dim=feature_dim, kernels=(5, 5))
        self.register_buffer("labels", torch.tensor(list(labels), dtype=torch.int64))

    def config(self) -> dict[str, Any]:
        return {**super().config(), "labels": self.labels.tolist()}

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Cross-entropy of each image in nats, ``(n,)``, on distorted images with label smoothing 0.05.

        Raises:
            UsageError: a label of ``y`` is not one of those that it can name.
        """
        matches = y[:, None] == self.labels[None]
        if not bool(matches.any(1).all()):
            strange = sorted(set(y.tolist()) - set(self.labels.tolist()))
            raise UsageError(f"the judge must only be given the labels {self.labels.tolist()}", found=strange)
        column = matches.to(torch.int64).argmax(1)
        return F.cross_entropy(self(distort(x, generator)), column, reduction="none", label_smoothing=0.05)
