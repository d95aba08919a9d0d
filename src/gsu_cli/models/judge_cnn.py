"""The classifier behind the CNN judge: two strided convolutions, a 64-d feature layer, a linear head.

It is trained on real images that are shifted, rotated, scaled, blurred and made noisy at random, so that the softness
of a VAE's drawings is not itself a reason to misjudge them; it never sees a generated image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.models.base import Model, image_shape, whole, wholes
from gsu_cli.models.distortion import distort


class JudgeCnn(Model):
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
        super().__init__()
        self.shape = c, h, w = image_shape(shape)
        self.width, self.feature_dim = whole("width", width), whole("feature_dim", feature_dim)
        if len(set(wholes("labels", labels, least=0))) < len(labels):
            raise UsageError("`model.labels` must name each label once", found=list(labels))
        cells = ((h + 3) // 4) * ((w + 3) // 4)
        self.body = nn.Sequential(
            nn.Conv2d(c, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * cells, feature_dim),
            nn.ReLU(),
        )
        self.head = nn.Linear(feature_dim, len(labels))
        self.register_buffer("labels", torch.tensor(list(labels), dtype=torch.int64))

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "labels": self.labels.tolist(),
            "width": self.width,
            "feature_dim": self.feature_dim,
        }

    def features(self, x: Tensor) -> Tensor:
        """``(n, d)`` activations of images in [0, 1]; non-negative."""
        found: Tensor = self.body(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, classes)``."""
        logits: Tensor = self.head(self.features(x))
        return logits

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Cross-entropy of each image in nats, ``(n,)``, on distorted images with label smoothing 0.05.

        Raises:
            UsageError: a label of ``y`` is not one of those that it can name.
        """
        matches = y[:, None] == self.labels[None]
        if not bool(matches.any(1).all()):
            strange = sorted(set(y.tolist()) - set(self.labels.tolist()))
            raise UsageError(f"the judge learns the labels {self.labels.tolist()} alone", found=strange)
        column = matches.to(torch.int64).argmax(1)
        return F.cross_entropy(self(distort(x, generator)), column, reduction="none", label_smoothing=0.05)
