"""Adam and SGD take the steps of `torch.optim`'s, to the last bit. tests/cli/test_startup.py has what they import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from gsu_cli.unlearning.optimisers import Adam, Sgd

BETAS = (0.9, 0.99)
PAIRS: dict[str, tuple[Callable[[list[Tensor]], Any], Callable[[list[Tensor]], Any]]] = {
    "adam": (lambda w: Adam(w, 3e-3), lambda w: torch.optim.Adam(w, lr=3e-3)),
    "betas": (lambda w: Adam(w, 0.1, BETAS), lambda w: torch.optim.Adam(w, lr=0.1, betas=BETAS)),
    "fused": (lambda w: Adam(w, 0.1, BETAS, fused=True), lambda w: torch.optim.Adam(w, 0.1, BETAS, fused=True)),
    "adamw": (lambda w: Adam(w, 1e-2), lambda w: torch.optim.AdamW(w, lr=1e-2, weight_decay=0.0)),
    "sgd": (lambda w: Sgd(w, 3e-3), lambda w: torch.optim.SGD(w, lr=3e-3)),
}


def leaves(kind: torch.dtype) -> list[Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = ((7, 5), (5,), (2, 3, 3, 3), (1,))
    return [torch.randn(s, generator=rng, dtype=kind).requires_grad_() for s in shapes]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_the_steps_are_those_of_torch(name: str, kind: torch.dtype) -> None:
    ours, theirs = leaves(kind), leaves(kind)
    make, reference = PAIRS[name]
    mine, other = make(ours), reference(theirs)
    rng = torch.Generator().manual_seed(1)
    for step in range(12):
        if step == 5:  # a schedule
            mine.lr = other.param_groups[0]["lr"] = 1e-4
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            late = i == 1 and step % 3 == 0  # a weight that a batch does not reach keeps its place and its count
            a.grad = None if late else torch.randn(a.shape, generator=rng, dtype=kind)
            b.grad = None if a.grad is None else a.grad.clone()
        mine.step()
        other.step()
        for a, b in zip(ours, theirs, strict=True):
            assert torch.equal(a, b)
    mine.forget_gradients()
    assert all(w.grad is None for w in ours)
