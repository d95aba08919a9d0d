"""Large local targets are made when they are asked for: few bytes held, and the same pictures whenever they are."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from gsu_cli.data.base import Images
from gsu_cli.gradients import parameters
from gsu_cli.models.sites import Repeated, Sites
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.objectives.local import local, region
from gsu_cli.objectives.redirect import Redirect
from gsu_cli.objectives.retouched import Retouched

N, KINDS = 230, 12


def images(n: int, of: int, seed: int) -> Images:
    """``n`` images of ``of`` kinds: as many pictures are there to choose among."""
    rng = torch.Generator().manual_seed(seed)
    kinds = torch.randint(0, 256, (of, 3, 64, 64), generator=rng, dtype=torch.uint8)
    return Images(kinds[torch.arange(n) % of], torch.zeros(n, dtype=torch.int64))


@pytest.fixture(scope="module")
def model() -> ConvVae:
    torch.manual_seed(0)
    return ConvVae((3, 64, 64), 6, (4, 8), mapping=(12,)).eval()


@pytest.fixture
def goal(model: ConvVae) -> Redirect:
    return local(model, images(N, N, 1), images(150, KINDS, 2), seed=0)


def held(thing: Any) -> int:
    """Bytes of the tensors that a dataclass holds."""
    if isinstance(thing, Tensor):
        return thing.untyped_storage().nbytes()
    if isinstance(thing, tuple):
        return sum(map(held, thing))
    return sum(held(getattr(thing, f.name)) for f in fields(thing)) if is_dataclass(thing) else 0


def test_neither_the_objective_nor_its_loss_holds_the_targets(model: ConvVae, goal: Redirect) -> None:
    everything = goal.targets.numel() * goal.targets.element_size()
    loss = goal.loss(model)
    assert held(goal) < everything / 5
    assert held(loss.sites) < everything / 5
    assert held(loss.every(3).sites) < everything / 5
    assert len(loss) == N
    assert len(loss.every(3)) == 77


def test_parts_have_the_targets_of_the_whole(model: ConvVae, goal: Redirect) -> None:
    whole, sites = goal.targets, goal.sites
    some = torch.tensor([3, 200, 3, 117])
    assert torch.equal(torch.cat([part.targets for part in sites.split(100)]), whole)  # the same passes, the same bits
    assert_close(torch.cat([part.targets for part in sites.split(50)]), whole)
    assert_close(sites[some].targets, whole[some])
    assert_close(sites.every(7)[:].targets, whole[::7])
    assert torch.equal(sites.every(7).inputs[0], goal.latents[::7])


def test_they_are_what_is_generated_with_a_part_of_another_picture(model: ConvVae, goal: Redirect) -> None:
    w = region(images(N, N, 1), images(150, KINDS, 2))
    assert isinstance(goal.sites, Retouched)
    assert len(goal.sites.targets) <= KINDS
    with torch.no_grad():
        x, y = model.decode(goal.latents), goal.sites.targets[goal.sites.which]
    assert_close(goal.targets, (1 - w) * x + w * y)


def test_targets_stay_those_of_the_original_when_its_weights_move(goal: Redirect) -> None:
    torch.manual_seed(0)
    again = ConvVae((3, 64, 64), 6, (4, 8), mapping=(12,)).eval()
    other = local(again, images(N, N, 1), images(150, KINDS, 2), seed=0)
    before = other.targets
    assert torch.equal(before, goal.targets)
    with torch.no_grad():
        for p in again.parameters():
            p.add_(0.1)
    assert torch.equal(other.targets, before)


def test_the_loss_at_some_sites_is_theirs(model: ConvVae, goal: Redirect) -> None:
    theta = parameters(model, list(model.generation_parameters()))
    for loss in (goal.loss(model), goal.loss(model).folding()):
        assert_close(loss.every(9).losses(theta), loss[torch.arange(0, N, 9)].losses(theta))


def test_some_sites_have_a_view_of_the_targets() -> None:
    plain = Sites((torch.arange(9.0),), torch.arange(9.0), torch.arange(9.0))
    part = plain.every(4)
    assert part.targets.data_ptr() == plain.targets.data_ptr()
    assert part.targets.tolist() == part.inputs[0].tolist() == [0, 4, 8]
    assert part.constant is not None
    assert part.constant.tolist() == [0, 4, 8]
    again = Repeated((torch.arange(10.0),), torch.arange(5.0)).every(4)
    assert (again.inputs[0].tolist(), again[:].targets.tolist()) == ([0, 4, 8], [0, 4, 3])
