"""Which retained images stay where they are in a refit of the last layer: never the budget's."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

import tiny_world
from gsu_cli.objectives.posteriors import posterior, posterior_codes, posterior_latents
from gsu_cli.solvers.spared import stay_images
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import draw_images


def task() -> Task:
    return Task(tiny_world.trained(), tiny_world.split(), None, 5, lambda _: nullcontext(), lambda *_: None)


def test_they_are_the_others_of_those_at_hand_whose_posteriors_are_known() -> None:
    one = task()
    retain = draw_images(one.split, "retain", 300, seed=one.stream("retain"))
    images, besides = stay_images(one, retain, 150, 0)
    assert images is retain
    assert besides == 150
    codes = posterior_codes(one.model, images, 1, seed=3, besides=besides)
    mean, sd = posterior(one.model, retain)
    assert torch.equal(codes, posterior_latents(mean[150:], sd[150:], 1, seed=3))


@pytest.mark.parametrize(("used", "step"), [(151, 0), (150, 1)])
def test_new_ones_are_taken_where_few_are_left_and_at_a_later_step(used: int, step: int) -> None:
    one = task()
    retain = draw_images(one.split, "retain", 300, seed=one.stream("retain"))
    images, besides = stay_images(one, retain, used, step)
    budget = {pixels.numpy().tobytes() for pixels in retain.pixels[:used]}
    assert besides == 0
    assert len(images) > len(retain) - used
    assert not any(pixels.numpy().tobytes() in budget for pixels in images.pixels)


def test_where_all_are_the_budgets_they_stay() -> None:
    one = task()
    retain = draw_images(one.split, "retain", 10_000, seed=one.stream("retain"))
    assert stay_images(one, retain, len(retain), 0) == (retain, 0)
