"""A line through points: slope and correlation, each with its 95 % interval.

Losses of images are skewed, and those that move most vary most. Least squares' own error and Fisher's take one spread
for all points: between two halves of fifty models of 4,000 digits they held the truth in 78 to 86 % of samples. So both
errors are of what each point does to the number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gsu_cli.audit.base import Audited, null
from gsu_cli.evaluation.intervals import quantile95
from gsu_cli.run.record import Measurement

LEAST = 4
"""Points, for intervals of both."""
EDGE = 1 - 1e-12
"""A correlation, at most, whose Fisher transform is finite."""
ROUNDING = 1e-12
"""Of a variance, as a share of that of all points."""


@dataclass(frozen=True)
class Line:
    """``y = slope x + c`` by least squares.

    Attributes:
        n: points.
        slope, slope_error: and its standard error; None of too few points, or where x does not vary.
        correlation, z_error: of x and y, and the standard error of its Fisher transform; None likewise, or where y does
            not vary.
    """

    n: int
    slope: float | None
    slope_error: float | None
    correlation: float | None
    z_error: float | None = None

    @classmethod
    def of(cls, x: Tensor, y: Tensor) -> Line:
        """Through ``(n,)`` float64 points.

        The error of the slope is HC4 (Cribari-Neto 2004, Computational Statistics & Data Analysis 45), or that of one
        spread for all points where it is larger; that of the correlation is a jackknife's (Efron and Stein 1981).

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
        leverage = 1 / n + dx.square() / xx
        steep = ((n * leverage / 2).clamp(max=4) * (1 - leverage).clamp(min=1e-3).log()).exp()
        each = (dx * (dy - slope * dx)).square() / steep
        error = math.sqrt(max(max(yy - slope * xy, 0.0) / (n - 2) / xx, float(each.sum()) / xx**2))
        if yy <= 0:
            return cls(n, slope, error, None)
        return cls(n, slope, error, xy / math.sqrt(xx * yy), _jackknifed(dx, dy))

    def rows(self, name: str, a: Audited) -> list[Measurement]:
        """``<name>_slope`` and ``<name>_correlation``, each with its interval, Student's of few."""
        few = f"needs {LEAST} images that differ, found {self.n}"
        if self.slope is None or self.slope_error is None:
            return [null(f"{name}_slope", a, few), null(f"{name}_correlation", a, few)]
        quantile = quantile95(self.n - 1)  # two degrees of freedom are the line's
        half = quantile * self.slope_error
        slope = Measurement(
            f"{name}_slope", a.name, self.slope, self.slope - half, self.slope + half, self.n, sha256=a.sha256
        )
        if self.correlation is None or self.z_error is None:
            return [slope, null(f"{name}_correlation", a, "the losses do not differ")]
        z, width = math.atanh(max(-EDGE, min(EDGE, self.correlation))), quantile * self.z_error
        low, high = math.tanh(z - width), math.tanh(z + width)
        low, high = min(low, self.correlation), max(high, self.correlation)
        return [
            slope,
            Measurement(f"{name}_correlation", a.name, self.correlation, low, high, self.n, sha256=a.sha256),
        ]


def _jackknifed(dx: Tensor, dy: Tensor) -> float:
    """The standard error of the Fisher transform of a correlation, of centred points; one left out in turn."""
    n = len(dx)
    x, y = -dx / (n - 1), -dy / (n - 1)  # the means of the others
    xx, yy, xy = ((a @ b - a * b) / (n - 1) - p * q for a, b, p, q in ((dx, dx, x, x), (dy, dy, y, y), (dx, dy, x, y)))
    varies = (xx > ROUNDING * (dx @ dx) / n) & (yy > ROUNDING * (dy @ dy) / n)  # else one point makes the whole line
    without = torch.where(varies, xy / (xx * yy).sqrt(), 0.0).clamp(-EDGE, EDGE).atanh()
    return float((without.var(correction=0) * (n - 1)).sqrt())
