"""Images of a step that are none of those on which its cost is measured."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

import tiny_world
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import first, other_retained, redirect_images


@pytest.mark.parametrize("step", [1, 3])
def test_they_are_retained_and_others_than_the_first(step: int) -> None:
    split = tiny_world.split()
    task = Task(tiny_world.fresh(), split, None, 5, lambda _: nullcontext(), lambda *_: None)
    retain, _ = redirect_images(task, 200, 10)
    used = first(retain, 60).pixels.flatten(1)
    others = other_retained(task, 60, 1000, step)
    assert len(others) == len(split.retain) - 60, "all the rest"
    assert set(others.labels.tolist()) == set(retain.labels.tolist())
    together = torch.cat([used, others.pixels.flatten(1)])
    assert len(together.unique(dim=0)) == len(split.retain_images.pixels.flatten(1).unique(dim=0))
    few = other_retained(task, 60, 50, step).pixels
    assert torch.equal(few, others.pixels[:50])
    assert not torch.equal(few, other_retained(task, 60, 50, step + 1).pixels), "of each step others"
