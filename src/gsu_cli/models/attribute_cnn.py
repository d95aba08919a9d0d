"""The classifier behind the CNN judge of attributes: three strided convolutions, a feature layer, one output each.

It is trained on real images that are mirrored, moved, blurred, faded and made noisy at random; it never sees a
generated image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.models.base import Model, image_shape, whole
from gsu_cli.models.distortion import distort_faces


class AttributeCnn(Model):
    """Says of each attribute whether an image ``(n, c, h, w)`` has it.

    Args:
        shape: ``(c, h, w)``.
        attributes: their names, in the order of its outputs.
        width: channels of the first convolution; the others have twice as many.
        feature_dim: d, width of the penultimate layer.

    Raises:
        UsageError: a width is no integer >= 1, or the attributes are not different names.
    """

    wants_attributes = True  # `gsu_cli.training.fit` gives it attributes for labels

    def __init__(self, shape: Sequence[int], attributes: Sequence[str], width: int = 16, feature_dim: int = 64) -> None:
        super().__init__()
        self.shape = c, h, w = image_shape(shape)
        self.width, self.feature_dim = whole("width", width), whole("feature_dim", feature_dim)
        self.attributes = tuple(attributes)
        if not self.attributes or len(set(self.attributes)) < len(self.attributes):
            raise UsageError(
                "`model.attributes` must name at least one attribute, each once",
                found=list(attributes),
                way_out="Judges of attributes need a data set that has some; of classes take model=judge_cnn",
            )
        cells = ((h + 7) // 8) * ((w + 7) // 8)
        self.body = nn.Sequential(
            nn.Conv2d(c, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * width * cells, feature_dim),
            nn.ReLU(),
        )
        self.head = nn.Linear(feature_dim, len(self.attributes))

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "attributes": list(self.attributes),
            "width": self.width,
            "feature_dim": self.feature_dim,
        }

    def features(self, x: Tensor) -> Tensor:
        """``(n, d)`` activations of images in [0, 1]; non-negative."""
        found: Tensor = self.body(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, attributes)``."""
        logits: Tensor = self.head(self.features(x))
        return logits

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Binary cross-entropy of each image in nats, summed over attributes, ``(n,)``, on distorted images.

        Args:
            x: images in [0, 1].
            y: ``(n, attributes)`` bool.
            generator: of the distortions.
        """
        logits = self(distort_faces(x, generator))
        return F.binary_cross_entropy_with_logits(logits, y.to(logits.dtype), reduction="none").sum(1)
