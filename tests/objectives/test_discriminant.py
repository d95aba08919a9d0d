"""A discriminant of forget against retain images: right on images it has not seen, blind to brightness, repeatable."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool2d

import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.objectives.discriminant import SIDE, Discriminant, fit_discriminant, small


def fitted(seed: int = 0) -> Discriminant:
    split = tiny_world.split()
    return fit_discriminant(split.forget_images, split.retain_images, torch.Generator().manual_seed(seed))


def test_it_knows_images_that_it_has_not_seen() -> None:
    held = tiny_world.dataset().heldout
    shown = fitted().shows(held.floats())
    assert float((shown == (held.labels == 1)).double().mean()) > 0.97
    assert fitted().false_alarms == 1 - (fitted().right[1] or 0)


def test_brightness_and_contrast_change_nothing_that_it_sees() -> None:
    x = tiny_world.dataset().heldout.floats()
    found = fitted()
    assert torch.equal(found.shows(x), found.shows(0.3 + 0.6 * x))
    assert torch.allclose(small(x).mean(1), torch.zeros(len(x)), atol=1e-6)
    assert bool(small(torch.full((1, 1, 8, 8), 0.5)).eq(0).all()), "an even image is no division by zero"


@pytest.mark.parametrize("shape", [(1, 2 * SIDE, 2 * SIDE), (3, 2 * SIDE, 2 * SIDE), (3, 20, 2 * SIDE), (1, 5, 4)])
def test_small_is_pooling_less_the_mean_over_the_deviation(shape: tuple[int, int, int]) -> None:
    x = torch.rand(9, *shape, generator=torch.Generator().manual_seed(0))
    looks = adaptive_avg_pool2d(x, (min(SIDE, shape[1]), min(SIDE, shape[2]))).flatten(1)
    looks = looks - looks.mean(1, keepdim=True)
    expected = looks / (looks.std(1, keepdim=True) + 0.01)
    assert torch.allclose(small(x), expected, atol=1e-6)
    assert torch.equal(small(torch.full((2, 1, 1, 1), 0.3)), torch.zeros(2, 1)), "one pixel has no deviation"


def test_scores_are_those_of_the_features_and_a_constant() -> None:
    x, eye = tiny_world.dataset().heldout.floats()[:50], fitted()
    points = (small(x) - eye.mean) @ eye.axes
    phi = torch.cat([(points @ eye.frequencies + eye.phases).cos(), torch.ones(len(x), 1)], 1)
    assert torch.allclose(eye.scores(x), phi @ eye.weights, atol=1e-5)


def test_a_small_part_weighs_as_much_as_a_large_one() -> None:
    split = tiny_world.split()
    few = split.forget_images[torch.arange(20)]
    found = fit_discriminant(few, split.retain_images, torch.Generator().manual_seed(0))
    held = tiny_world.dataset().heldout
    assert float(found.shows(held.floats())[held.labels == 1].double().mean()) > 0.9


def test_one_image_and_colour_are_enough() -> None:
    x = torch.randint(0, 256, (3, 3, 20, 17), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    one, two = Images(x[:1], torch.zeros(1, dtype=torch.int64)), Images(x[1:], torch.zeros(2, dtype=torch.int64))
    found = fit_discriminant(one, two, torch.Generator().manual_seed(0))
    assert found.shows(two.floats()).tolist() == [False, False]
    assert (found.shows(one.floats()).tolist(), found.right, found.false_alarms) == ([True], (None, None), 0.0)


def test_the_same_seed_the_same_scores() -> None:
    x = tiny_world.dataset().heldout.floats()
    assert torch.equal(fitted().scores(x), fitted().scores(x))
    assert not torch.equal(fitted().scores(x), fitted(1).scores(x))


def test_signs_and_turns_of_its_components_are_nothing_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    x, as_found = tiny_world.dataset().heldout.floats(), fitted().scores(tiny_world.dataset().heldout.floats())
    eigh = torch.linalg.eigh

    def turned(a: torch.Tensor) -> Any:
        """Each sign the other way, and the two components of most variance turned into each other."""
        values, vectors = eigh(a)
        last = vectors[:, -2:] @ torch.tensor([[0.6, -0.8], [0.8, 0.6]])
        return values, -torch.cat([vectors[:, :-2], last], 1)

    monkeypatch.setattr(torch.linalg, "eigh", turned)
    of_rounding, of_another_seed = ((fitted(seed).scores(x) - as_found).abs().max() for seed in (0, 1))
    assert 0 < of_rounding < 0.01 * of_another_seed


def test_what_does_not_vary_is_no_component() -> None:
    x = torch.randint(0, 256, (6, 1, 20, 20), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    one, two = Images(x[:2], torch.zeros(2, dtype=torch.int64)), Images(x[2:], torch.zeros(4, dtype=torch.int64))
    assert fit_discriminant(one, two, torch.Generator().manual_seed(0)).axes.shape[1] == 5, "six images vary five ways"
    even = Images(torch.full_like(x, 7), torch.zeros(6, dtype=torch.int64))
    found = fit_discriminant(even, even, torch.Generator().manual_seed(0))
    assert found.axes.shape[1] == 0
    assert bool(found.scores(x.float() / 255).isfinite().all())
