from __future__ import annotations

import contextlib

import pytest
import torch

import tiny_world
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.labeller import RECIPE, train_labeller
from tiny_world import same, weights


def task(seed: int = 0, **forget) -> Task:
    split = tiny_world.split_of(**forget)
    return Task(tiny_world.trained(), split, None, seed, lambda _: contextlib.nullcontext(), lambda *_: None)


@pytest.fixture(scope="module")
def bars():
    """Trained on class 1 against the rest, and what it cost."""
    cost = Cost()
    return train_labeller(task(class_=1), cost, most=400), cost


def test_it_tells_heldout_images_apart(bars) -> None:
    heldout = tiny_world.dataset().heldout
    right = bars[0].shows(heldout.floats()) == (heldout.labels == 1)
    assert right.double().mean() > 0.95


def test_it_says_how_far_it_can_be_trusted(bars) -> None:
    labeller, cost = bars
    assert labeller.accuracy is not None
    assert 0.9 < labeller.accuracy <= 1.0
    assert labeller.n == 2 * 360  # nine tenths of 400 retain images; as many of 200 forget images, repeated
    assert cost.gradients == labeller.n * RECIPE.epochs


def test_a_seed_is_all_its_randomness() -> None:
    one, two, other = (train_labeller(task(s, class_=1), Cost(), most=40).model for s in (0, 0, 1))
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))
    before = torch.get_rng_state()
    train_labeller(task(class_=1), Cost(), most=40)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_single_sample_leaves_nothing_to_check_with() -> None:
    labeller = train_labeller(task(sample=[7]), Cost(), most=20)
    assert labeller.accuracy is None
    assert labeller.n == 2 * 18
