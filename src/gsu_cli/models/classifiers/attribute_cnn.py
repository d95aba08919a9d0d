"""The classifier behind the CNN judge of attributes: three strided convolutions, a feature layer, one output each.

It is trained on real images that are mirrored, moved, blurred, faded and made noisy at random; it never sees a
generated image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.models.classifiers.distortion import distort_faces
from gsu_cli.models.classifiers.strided_cnn import StridedCnn


class AttributeCnn(StridedCnn):
    """Says of each attribute whether an image ``(n, c, h, w)`` has it.

    Args:
        shape: ``(c, h, w)``.
        attributes: their names, in the order of its outputs.
        width: channels of the first convolution; the others have twice as many.
        feature_dim: d, width of the penultimate layer.

    Raises:
        UsageError: a width is no integer >= 1, or the attributes are not different names.
    """

    wants_attributes = True  # `gsu_cli.training.loop.fit` gives it attributes for labels

    def __init__(self, shape: Sequence[int], attributes: Sequence[str], width: int = 16, feature_dim: int = 64) -> None:
        if not attributes or len(set(attributes)) < len(attributes):
            raise UsageError(
                "`model.attributes` must name at least one attribute, each once",
                found=list(attributes),
                way_out="Choose a data set with attributes, or model=judge_cnn for classes",
            )
        super().__init__(shape, len(attributes), width=width, feature_dim=feature_dim, kernels=(5, 5, 3))
        self.attributes = tuple(attributes)

    def config(self) -> dict[str, Any]:
        return {**super().config(), "attributes": list(self.attributes)}

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Binary cross-entropy of each image in nats, summed over attributes, ``(n,)``, on distorted images.

        Args:
            x: images in [0, 1].
            y: ``(n, attributes)`` bool.
            generator: of the distortions.
        """
        logits = self(distort_faces(x, generator))
        return F.binary_cross_entropy_with_logits(logits, y.to(logits.dtype), reduction="none").sum(1)
