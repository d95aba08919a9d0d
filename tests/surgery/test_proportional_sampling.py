"""A part chosen by size stands for the whole: each counts as often as its chance says, the largest are all there."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.surgery.proportional_sampling import LIGHT, chosen_by_size


def heavy(n: int = 2000) -> torch.Tensor:
    size = torch.rand(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    size[::100] = 200 + 100 * size[::100]
    return size


@pytest.mark.parametrize("n", [1, 19, 20, 150, 1999])
def test_so_many_are_chosen_once_each_and_stand_for_all(n: int) -> None:
    index, weights = chosen_by_size(heavy(), n)
    assert len(index) == len(index.unique()) == len(weights) == n
    assert torch.equal(index, index.sort().values)
    assert float(weights.sum()) == pytest.approx(2000)
    assert float(weights.min()) > 0.99  # one over a chance, but for the scale that makes them add up


def test_what_would_be_chosen_more_than_once_is_there_with_weight_one() -> None:
    index, weights = chosen_by_size(heavy(), 150)
    large = set(range(0, 2000, 100))
    assert large <= set(index.tolist())
    assert all(w == 1 for i, w in zip(index.tolist(), weights.tolist(), strict=True) if i in large)


def test_of_equal_sizes_every_so_many_th_is_chosen() -> None:
    for size in (torch.zeros(12).double(), torch.full((12,), 3.0).double()):
        index, weights = chosen_by_size(size, 4)
        assert index.diff().tolist() == [3, 3, 3]
        assert weights.tolist() == pytest.approx([3.0] * 4)


def test_a_sum_of_what_sizes_foretell_is_nearer_than_that_of_a_part_chosen_blindly() -> None:
    size = heavy()
    truth = size * torch.linspace(0.8, 1.2, len(size), dtype=torch.float64)
    index, weights = chosen_by_size(size, 150)
    off = abs(float((weights * truth[index]).sum() / truth.sum()) - 1)
    blind = torch.arange(0, 2000, 2000 // 150)
    assert off < 0.03 < abs(float(truth[blind].mean() / truth.mean()) - 1)
    assert LIGHT > 0, "what did not move may yet: it has a chance, too"
