"""Intervals of a line hold the truth where points do not all vary alike, as losses of images do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gsu_cli.audit.base import Audited
from gsu_cli.audit.leave_out import read_design
from gsu_cli.audit.regression import Line
from gsu_cli.run.record import Measurement
from memory_world import models

DESIGN = Path(__file__).parents[2] / "docs/results/audit/samples/leave_out_halves_50.safetensors"


def rows(x: torch.Tensor, y: torch.Tensor) -> list[Measurement]:
    return Line.of(x, y).rows("l", Audited("unlearned", models()[0], "sha"))


def held(row: Measurement, truth: float) -> bool:
    assert row.low is not None
    assert row.high is not None
    return row.low <= truth <= row.high


def test_of_what_real_designs_give() -> None:
    """Memorisation by two halves of fifty models: what is large by one varies most by the other."""
    design = read_design(DESIGN)
    L, inside = design.of_training().double(), design.trained_on
    x, y = (
        (L[k] * ~inside[k]).sum(0) / (~inside[k]).sum(0) - (L[k] * inside[k]).sum(0) / inside[k].sum(0)
        for k in (slice(0, 24), slice(26, 50))
    )
    both = torch.stack([x, y])
    slope, correlation = float(both.cov()[0, 1] / x.var()), float(both.corrcoef()[0, 1])
    rng = torch.Generator().manual_seed(0)
    for n in (20, 200):  # one spread for all points: 0.85 and 0.84 of twenty, 0.78 and 0.80 of two hundred
        hits = np.zeros(2)
        for _ in range(300):
            at = torch.randint(len(x), (n,), generator=rng)
            hits += [held(r, t) for r, t in zip(rows(x[at], y[at]), (slope, correlation), strict=True)]
        assert (hits / 300 > 0.9).all(), (n, hits / 300)


def test_by_other_means() -> None:
    """The two errors, written out point by point."""
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(12, generator=rng).double().exp()
    y = x + x * torch.randn(12, generator=rng).double()
    a, b, n = x.numpy(), y.numpy(), 12
    design = np.stack([np.ones(n), a], 1)
    bread = np.linalg.inv(design.T @ design)
    rest = b - design @ bread @ design.T @ b
    h = np.einsum("ij,jk,ik->i", design, bread, design)
    meat = design.T @ np.diag(rest**2 / (1 - h) ** np.minimum(4, h / h.mean())) @ design
    without = [np.arctanh(np.corrcoef(np.delete(a, i), np.delete(b, i))[0, 1]) for i in range(n)]
    line = Line.of(x, y)
    np.testing.assert_allclose(line.slope_error, np.sqrt((bread @ meat @ bread)[1, 1]), rtol=1e-9)
    np.testing.assert_allclose(line.z_error, np.sqrt((n - 1) * np.var(without)), rtol=1e-9)


def test_where_one_point_makes_the_line() -> None:
    """Leaving it out leaves nothing that varies: the correlation may be any."""
    x = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).double()
    slope, correlation = rows(x, x)
    assert slope.value == 1
    assert correlation.low is not None
    assert correlation.low < 0
