"""Rank correlations over few models or images, and how far chance among so few may have moved their mean.

Spearman's of ``n`` pairs is nearer to Kendall's tau than that of very many, ``rho``:

    E r = ((n - 2) rho + 3 tau) / (n + 1)

so ``rho`` is ``((n + 1) r - 3 tau) / (n - 2)`` without bias. Of pairs that tie this holds of the covariance and of both
variances of the ranks, each apart. Source: Kendall 1970, "Rank Correlation Methods", chapter 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST = 4
"""Rows: one less must tell the bias, too."""


@dataclass(frozen=True)
class Score:
    """A mean of rank correlations.

    Attributes:
        value: of as many rows as there are.
        error: its standard error over the rows, jackknifed.
        unbiased: as of very many rows.
        unbiased_error: its standard error.
    """

    value: float
    error: float
    unbiased: float
    unbiased_error: float

    def interval(self, quantile: float, apart: float = 0.0) -> tuple[float, float]:
        """Ends around both, the value and what it would be without bias, within [-1, 1].

        Around the value alone, what was called 95 % held 0 to 76 % of scores of 0.9 and more: the mean over many images
        has a small error, and the bias of each.

        Args:
            quantile: how many errors to either side.
            apart: half an interval over something else than the rows, which both have besides.
        """
        ends = [
            (x, (quantile**2 * e**2 + apart**2) ** 0.5)
            for x, e in ((self.value, self.error), (self.unbiased, self.unbiased_error))
        ]
        return max(-1.0, min(x - half for x, half in ends)), min(1.0, max(x + half for x, half in ends))


def jackknifed(predicted: Tensor, realised: Tensor) -> Score:
    """The mean over columns of the rank correlations over the rows of ``(rows, columns)``, as models and images.

    Of `LEAST` rows or more. Those that tie share their rank; a column of which all rows say one number has no
    correlation, and NaN is what is left where no column has one.

    >>> L = torch.tensor([[0.0, 5.0], [1.0, 4.0], [2.0, 3.0], [3.0, 2.0]]).double()
    >>> [round(x, 9) for s in (jackknifed(L, L), jackknifed(L, -L)) for x in (s.value, s.error, s.unbiased)]
    [1.0, 0.0, 1.0, -1.0, 0.0, -1.0]
    """
    n, every = len(predicted), torch.arange(len(predicted))
    pairs = [_agreeing(x, y) for x, y in ((predicted, realised), (predicted, predicted), (realised, realised))]
    whole = [p.sum(0) for p in pairs]
    value, unbiased = _means(predicted, realised, whole)
    left = []
    for k in range(n):
        without = [w - 2 * p[k] for w, p in zip(whole, pairs, strict=True)]
        left.append(_means(predicted[every != k], realised[every != k], without))
    error, other = ((x.var(correction=0) * (n - 1)).sqrt().item() for x in torch.tensor(left, dtype=torch.float64).T)
    return Score(value, error, unbiased, other)


def _means(a: Tensor, b: Tensor, pairs: Sequence[Tensor]) -> tuple[float, float]:
    """The mean correlation over columns, and that without bias.

    Args:
        a, b: ``(rows, columns)``.
        pairs: of ``a`` and ``b``, and of each with itself: how many more pairs of rows agree than do not, twice.
    """
    n = len(a)
    x, y = (ranks - ranks.mean(0) for ranks in (_ranks(a), _ranks(b)))
    plain = torch.stack([(p * q).sum(0) for p, q in ((x, y), (x, x), (y, y))]) * 12 / (n**3 - n)
    tau = torch.stack([p.to(plain) for p in pairs]) / (n * (n - 1))
    both = plain, ((n + 1) * plain - 3 * tau) / (n - 2)
    r, rho = (float((s[0] / (s[1] * s[2]).clamp(min=0).sqrt()).clamp(-1, 1).nanmean()) for s in both)
    return r, rho


def _agreeing(x: Tensor, y: Tensor) -> Tensor:
    """Of each row, how many others are ordered alike by ``x`` and ``y``, less how many are ordered otherwise."""
    return torch.stack([((x - p).sign() * (y - q).sign()).sum(0) for p, q in zip(x, y, strict=True)])


def _ranks(values: Tensor) -> Tensor:
    """Of each column; those that tie share the mean of theirs."""
    columns = values.T.contiguous()
    ordered = columns.sort(dim=1).values
    first, last = (torch.searchsorted(ordered, columns, right=right) for right in (False, True))
    return (first + last - 1).T.double() / 2
