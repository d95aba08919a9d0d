"""A line through points: slope and correlation, each with its 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from gsu_cli.audit.base import Audited, null
from gsu_cli.evaluation.intervals import Z95, quantile95
from gsu_cli.run.record import Measurement

LEAST = 4
"""Points, for intervals of both."""


@dataclass(frozen=True)
class Line:
    """``y = slope x + c`` by least squares.

    Attributes:
        n: points.
        slope, slope_error: and its standard error; None of too few points, or where x does not vary.
        correlation: of x and y; None likewise, or where y does not vary.
    """

    n: int
    slope: float | None
    slope_error: float | None
    correlation: float | None

    @classmethod
    def of(cls, x: Tensor, y: Tensor) -> Line:
        """Through ``(n,)`` float64 points.

        >>> import torch
        >>> x = torch.arange(5.0).double()
        >>> line = Line.of(x, 2 * x + 1)
        >>> line.slope, round(line.correlation or 0, 6)
        (2.0, 1.0)
        """
        n, dx, dy = len(x), x - x.mean(), y - y.mean()
        xx, yy, xy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
        if n < LEAST or xx <= 0:
            return cls(n, None, None, None)
        slope = xy / xx
        error = math.sqrt(max(yy - slope * xy, 0.0) / (n - 2) / xx)
        return cls(n, slope, error, xy / math.sqrt(xx * yy) if yy > 0 else None)

    def rows(self, name: str, a: Audited) -> list[Measurement]:
        """``<name>_slope`` with its interval, Student's of few, and ``<name>_correlation`` with Fisher's."""
        few = f"needs {LEAST} images that differ, found {self.n}"
        if self.slope is None or self.slope_error is None:
            return [null(f"{name}_slope", a, few), null(f"{name}_correlation", a, few)]
        half = quantile95(self.n - 1) * self.slope_error  # two degrees of freedom are the line's
        slope = Measurement(
            f"{name}_slope", a.name, self.slope, self.slope - half, self.slope + half, self.n, sha256=a.sha256
        )
        if self.correlation is None:
            return [slope, null(f"{name}_correlation", a, "the losses do not differ")]
        z, width = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, self.correlation))), Z95 / math.sqrt(self.n - 3)
        low, high = math.tanh(z - width), math.tanh(z + width)
        low, high = min(low, self.correlation), max(high, self.correlation)
        return [
            slope,
            Measurement(f"{name}_correlation", a.name, self.correlation, low, high, self.n, sha256=a.sha256),
        ]
