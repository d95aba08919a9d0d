"""Rows of blocks of work, one below the other."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import Tensor

from gsu_cli.surgery.ranks import joined


@pytest.mark.parametrize("rows", [None, 5])
def test_rows_below_each_other(rows: int | None) -> None:
    found = joined([2, 0, 3], lambda n: torch.full((n, 2), float(n)), rows)
    assert found.tolist() == [[2, 2]] * 2 + [[3, 3]] * 3


def test_where_the_rows_are_known_no_block_is_held_when_the_next_one_is_worked_on() -> None:
    seen = list[weakref.ref[Tensor]]()

    def of(n: int) -> Tensor:
        assert not [ref for ref in seen if ref() is not None]
        made = torch.full((2,), float(n))
        seen.append(weakref.ref(made))
        return made

    assert joined(range(3), of, 6).tolist() == [0, 0, 1, 1, 2, 2]
    assert len(seen) == 3


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_other_rows_than_were_said_are_an_error(rows: int) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        joined([1, 1], torch.ones, rows)
