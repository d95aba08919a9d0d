"""What classifiers behind judges share: strided convolutions, a feature layer, a linear head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from gsu_cli.checks import as_int, as_shape
from gsu_cli.models.model import Model


class StridedCnn(Model):
    """A network of ``(n, c, h, w)`` images; what it learns is a subclass's matter.

    Args:
        shape: ``(c, h, w)``.
        outputs: of its head.
        width: channels of the first convolution; the others have twice as many.
        feature_dim: d, width of the penultimate layer.
        kernels: odd sizes; each convolution halves height and width, rounding up.

    Raises:
        UsageError: a width is no integer >= 1.
    """

    def __init__(
        self, shape: Sequence[int], outputs: int, *, width: int, feature_dim: int, kernels: Sequence[int]
    ) -> None:
        super().__init__()
        self.shape = c, h, w = as_shape("model.shape", shape)
        self.width, self.feature_dim = as_int("model.width", width), as_int("model.feature_dim", feature_dim)
        layers: list[nn.Module] = []
        for i, kernel in enumerate(kernels):
            wide = width if i == 0 else 2 * width
            layers += [nn.Conv2d(c, wide, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
            c, h, w = wide, (h + 1) // 2, (w + 1) // 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(c * h * w, feature_dim), nn.ReLU())
        self.head = nn.Linear(feature_dim, outputs)

    def config(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "width": self.width, "feature_dim": self.feature_dim}

    def features(self, x: Tensor) -> Tensor:
        """``(n, d)`` activations of images in [0, 1]; non-negative."""
        found: Tensor = self.body(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, outputs)``."""
        logits: Tensor = self.head(self.features(x))
        return logits
