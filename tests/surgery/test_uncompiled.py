"""Steps, states and schedules are those of `torch.optim`, to the last bit; imports: tests/cli/test_startup.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from gsu_cli.surgery.uncompiled import uncompiled

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "adamw": (torch.optim.AdamW, {"lr": 1e-2, "weight_decay": 0.1, "fused": True}),
    "adam": (torch.optim.Adam, {"lr": 1e-2}),
    "sgd": (torch.optim.SGD, {"lr": 1e-2, "momentum": 0.9, "nesterov": True}),
}


def leaves() -> list[Tensor]:
    g = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=g).requires_grad_() for shape in ((7, 5), (5,), (2, 3, 3, 3))]


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(v, other[k]) for k, v in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return torch.equal(one, other) if isinstance(one, Tensor) else bool(one == other)


@pytest.mark.parametrize("name", KINDS)
def test_weights_states_and_schedules_are_torchs(name: str) -> None:
    kind, options = KINDS[name]
    ours, theirs, g = leaves(), leaves(), torch.Generator().manual_seed(1)

    def made(which: Any, weights: list[Tensor]) -> tuple[Any, Any]:
        optimiser = which(weights, **options)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=20)
        return optimiser, schedule

    (mine, schedule), (other, reference) = made(uncompiled(kind), ours), made(kind, theirs)
    assert isinstance(mine, kind)
    for step in range(12):
        if step == 6:  # as a run that was stopped goes on
            state = copy.deepcopy(mine.state_dict())
            assert equal(state, other.state_dict())
            mine, _ = made(uncompiled(kind), ours)
            mine.load_state_dict(state)
            schedule.optimizer = mine
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=g)
            b.grad = a.grad.clone()
        mine.step()
        other.step()
        schedule.step()
        reference.step()
        assert equal(ours, theirs)
    assert equal(mine.state_dict(), other.state_dict())
    mine.zero_grad()
    assert all(w.grad is None for w in ours)
    assert all(w.requires_grad for w in ours)
