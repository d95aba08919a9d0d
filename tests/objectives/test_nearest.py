"""Points that repeat themselves are looked at once."""

from __future__ import annotations

import torch

from gsu_cli.objectives.nearest import distinct, nearest


def test_of_equal_points_the_first_stays_and_all_others_in_their_order():
    g = torch.Generator().manual_seed(0)
    few = torch.randn(7, 3, generator=g)
    few[3] = few[2] + torch.tensor([0.0, 0.0, 1e-6])  # near is not equal
    points = few[torch.tensor([4, 2, 4, 0, 3, 2, 6, 4])]
    assert torch.equal(distinct(points), few[torch.tensor([4, 2, 0, 3, 6])])
    assert torch.equal(distinct(few), few)
    queries = torch.randn(20, 3, generator=g)
    chosen = distinct(points)[nearest(queries, distinct(points), 1)[:, 0]]
    assert torch.equal(chosen, points[nearest(queries, points, 1)[:, 0]])
