"""Conditions: how they travel, what they default to, what out of range says."""

from __future__ import annotations

import math

import pytest
import torch

import tiny_conditional as tiny
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.gradients import image_losses
from gsu_cli.models.conditions import NULL, code, conditions_of, signal, usual_conditions
from gsu_cli.models.contract import check_generator
from gsu_cli.models.vae.cvae import CVae


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_it_samples_what_it_is_asked_for() -> None:
    model = tiny.trained()
    noise = model.noise(200, seeded())
    for label in tiny_world.NAMES:
        drawn = model.generate(noise, torch.full((200,), label))
        assert (tiny.shows(drawn) == label).float().mean() > 0.95


def test_without_a_condition_it_samples_all_of_them() -> None:
    model = tiny.trained()
    drawn = tiny.shows(model.generate(model.noise(300, seeded())))
    assert torch.equal(drawn, tiny.shows(model.generate(model.noise(300, seeded()), torch.full((300,), NULL))))
    assert min(int((drawn == label).sum()) for label in tiny_world.NAMES) > 30


def test_samples_are_asked_for_as_often_as_training_met_each_condition() -> None:
    model = tiny.trained()
    labels = tiny_world.dataset().train.labels
    assert torch.allclose(model.condition_shares, torch.bincount(labels, minlength=tiny.CONDITIONS) / len(labels))
    g = seeded(3)
    noise, y = model.noise(50, g), usual_conditions(model, 50, g)
    assert set(y.tolist()) == set(tiny_world.NAMES)
    assert torch.equal(model.sample(50, seeded(3)), model.generate(noise, y))


def test_the_loss_is_that_of_the_label() -> None:
    model, heldout = tiny.trained(), tiny_world.dataset().heldout
    right = image_losses(model, heldout, seed=0).mean()
    for wrong in (NULL, *tiny_world.NAMES):
        other = image_losses(model, type(heldout)(heldout.pixels, torch.full_like(heldout.labels, wrong)), seed=0)
        assert other.mean() > right


def test_an_untrained_condition_is_the_null_condition() -> None:
    model = tiny.trained()
    noise = model.noise(20, seeded())
    never = torch.full((20,), 5)  # no image of `tiny_world` has this label
    assert torch.equal(model.generate(noise, never), model.generate(noise))


def test_some_conditions_are_hidden_in_training_alone() -> None:
    model, y = tiny.fresh(drop=0.5), torch.full((1000,), 3)
    assert torch.equal(model.masked(y, seeded()), y)
    hidden = (model.train().masked(y, seeded()) == NULL).float().mean()
    assert math.isclose(hidden, 0.5, abs_tol=0.05)
    assert torch.equal(tiny.fresh(drop=0.0).train().masked(y, seeded()), y)


def test_codes_of_an_unconditional_model_are_its_latents() -> None:
    model, z = tiny_world.fresh(), torch.randn(4, 3, generator=seeded())
    assert conditions_of(model) == 0
    assert code(model, z, torch.full((4,), 99)) is z
    before = seeded(1)
    assert usual_conditions(model, 4, before).tolist() == [NULL] * 4
    assert torch.equal(before.get_state(), seeded(1).get_state())  # nothing was drawn: numbers of others stay


@pytest.mark.parametrize("condition", [-2, tiny.CONDITIONS, 1000])
def test_a_condition_out_of_range_is_refused(condition: int) -> None:
    model = tiny.fresh()
    y = torch.tensor([0, condition])
    for ask in (
        lambda: model.generate(model.noise(2, seeded()), y),
        lambda: model.posterior(torch.zeros(2, 1, 8, 8), y),
        lambda: model.loss(torch.zeros(2, 1, 8, 8), y, seeded()),
        lambda: signal(y, tiny.CONDITIONS),
        lambda: model.meets(y),
    ):
        with pytest.raises(UsageError, match=rf"a condition must be one of the model's 9 classes.*found {condition}"):
            ask()


@pytest.mark.parametrize("options", [{"conditions": None}, {"conditions": 1}, {"conditions": 0}, {"conditions": True}])
def test_a_conditional_model_needs_two_classes(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="at least two classes"):
        CVae((1, 8, 8), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("drop", [-0.1, 1, 1.5, "0.1", True, math.nan])
def test_the_share_of_hidden_conditions(drop: object) -> None:
    with pytest.raises(UsageError, match=r"`model.drop` must be a number in \[0, 1\)"):
        CVae((1, 8, 8), 3, drop=drop)  # type: ignore[arg-type]


def test_it_keeps_the_contract() -> None:
    model = tiny.fresh()
    check_generator(model, (1, 8, 8))
    again = CVae(**model.config())
    again.load_state_dict(model.state_dict())
    noise = model.noise(3, seeded())
    assert torch.equal(again.generate(noise), model.generate(noise))
