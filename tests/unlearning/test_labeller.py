from __future__ import annotations

import contextlib

import pytest
import torch

import tiny_world
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.labeller import EPOCHS, RECIPE, Labeller, train_class_labeller, train_labeller
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


class Says(torch.nn.Module):
    """A model of three classes that says the same of each image."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__()
        self.labels = torch.tensor([0, 4, 7])
        self.logits = torch.tensor(probabilities).log()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(x), -1)


@pytest.mark.parametrize(("gone", "share", "odds"), [([4], 0.2, 1.0), ([4], 0.1, 2.25), ([0, 7], 0.5, 4.0)])
def test_odds_are_those_of_a_random_training_image_times_what_the_image_tells(gone, share, odds) -> None:
    labeller = Labeller(Says(0.5, 0.2, 0.3), gone, share, 1, 1)
    x = torch.zeros(3, 1, 8, 8)
    assert labeller.odds(x).tolist() == pytest.approx([odds] * 3)
    if odds != 1:
        assert bool(labeller.shows(x).all()) is (odds > 1)


def test_a_labeller_of_classes_tells_heldout_images_apart_and_keeps_a_tenth_back() -> None:
    heldout, cost = tiny_world.dataset().heldout, Cost()
    labeller = train_class_labeller(task(class_=1), cost)
    odds = labeller.odds(heldout.floats())
    gone = heldout.labels == 1
    assert ((odds > 1) == gone).double().mean() > 0.95
    assert odds[gone].log().mean() > 0 > odds[~gone].log().mean()
    n = len(tiny_world.dataset().train)
    assert labeller.n == n - n // 10
    assert labeller.epochs == EPOCHS[1], "more passes over few images"
    assert cost.gradients == labeller.n * labeller.epochs
    assert labeller.share == pytest.approx(1 / 3, abs=0.05)
    assert 0.9 < (labeller.accuracy or 0) <= 1
