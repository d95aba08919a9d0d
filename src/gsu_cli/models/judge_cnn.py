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


def distort(x: Tensor, generator: torch.Generator) -> Tensor:
    """Random shift (2 px at 28), rotation (10 degrees), scale (10 %), blur (half of the images), noise (sd up to 0.1).

    Args:
        x: images in [0, 1], ``(n, c, h, w)``.
        generator: of all the randomness.
    """
    n = len(x)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    angle, scale = uniform(-0.175, 0.175), uniform(0.9, 1.1)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = torch.stack([cos, -sin, uniform(-0.14, 0.14), sin, cos, uniform(-0.14, 0.14)], 1)
    grid = F.affine_grid(rows.view(n, 2, 3), list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, align_corners=False)
    soft = F.avg_pool2d(moved, 3, stride=1, padding=1)
    mix = (uniform(-1.0, 1.0).clamp(min=0.0))[:, None, None, None]
    noise = torch.randn(x.shape, generator=generator) * uniform(0.0, 0.1)[:, None, None, None]
    return (moved + mix * (soft - moved) + noise).clamp(0.0, 1.0)
