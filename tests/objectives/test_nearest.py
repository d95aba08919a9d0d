"""Points that repeat themselves are looked at once; whose neighbours are of their own kind is counted, not sorted."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.objectives.nearest import COLUMNS, PARTS, Nearest, among_themselves, distinct, nearest


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


@pytest.mark.parametrize(
    ("n", "others", "d", "apart"),
    [(3_000, 400, 6, 0.5), (PARTS[1], 9, 2, 0.0), (PARTS[0], 9, 2, 0.0), (60, 8, 1_500, 0.5), (5, 9, 2, 9.0)],
)
def test_neighbours_of_the_own_kind_are_those_that_a_full_search_finds(n: int, others: int, d: int, apart: float):
    g = torch.Generator().manual_seed(n)
    own, foreign = torch.randn(n, d, generator=g), torch.randn(others, d, generator=g)
    foreign[:, 0] += apart
    found = among_themselves(own, foreign, 11)
    near = nearest(own, torch.cat([foreign, own]), min(11, n + others))
    assert torch.equal(found, (near >= others).all(1))
    assert found.any() == (n > 10)
    assert not found.all()


@pytest.mark.parametrize(("n", "d"), [(1, 5), (40, 7), (90, 2 * COLUMNS + 9)])
def test_the_nearest_by_float32_is_the_nearest_by_float64_also_of_near_copies(n: int, d: int):
    """Far from the origin float32 does not tell points apart that differ by a thousandth."""
    g = torch.Generator().manual_seed(n)
    pool = 30 + torch.randn(n, d, generator=g)
    pool[n // 2 :] = pool[: n - n // 2] + 1e-3 * torch.randn(n - n // 2, d, generator=g)
    points = pool[torch.randint(n, (70,), generator=g)] + 1e-3 * torch.randn(70, d, generator=g)
    assert torch.equal(Nearest(pool)(points), nearest(points, pool, 1)[:, 0])


def test_where_no_neighbour_is_in_doubt_none_is_looked_at_twice():
    pool = 10 * torch.eye(6)
    assert torch.equal(Nearest(pool)(pool[[4, 2]] + 0.1), torch.tensor([4, 2]))
