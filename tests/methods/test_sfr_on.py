from __future__ import annotations

import math

import pytest
import torch

import tiny_world
from forget_upright import forget_upright
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.errors import UsageError
from gsu_cli.methods.sfr_on import SfrOn, salient, weigh
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.images import draw_images
from method_runs import assert_smoke, run
from tiny_world import weights


def test_images_that_the_model_knows_well_weigh_most() -> None:
    losses = torch.tensor([10.0, 20.0, 40.0], requires_grad=True)
    torch.testing.assert_close(weigh(losses, 1.0), torch.tensor([4.0, 2.0, 1.0]) * 3 / 7)
    torch.testing.assert_close(weigh(losses, 2.0), torch.tensor([16.0, 4.0, 1.0]) * 3 / 21)
    assert weigh(losses, 0.0).tolist() == [1.0, 1.0, 1.0]
    assert not weigh(losses, 1.0).requires_grad


def test_losses_that_are_not_positive_are_refused_but_for_equal_weights() -> None:
    losses = torch.tensor([1.0, -2.0])
    with pytest.raises(UsageError, match=r"-2 nats.*method\.adaptivity=0"):
        weigh(losses, 1.0)
    assert weigh(losses, 0.0).tolist() == [1.0, 1.0]


def test_the_mask_by_hand() -> None:
    F_f, F_r = {"w": torch.tensor([4.0, 1.0, 1.0, 0.0])}, {"w": torch.tensor([1.0, 1.0, 4.0, 0.0])}
    assert salient(F_f, F_r, 1.0)["w"].tolist() == [1, 1, 0, 0]
    assert salient(F_f, F_r, 2.0)["w"].tolist() == [1, 0, 0, 0]


def step(steps: int, gamma: float, **options):
    """Where the weights moved, and the mask from the two Fishers themselves."""
    method, seen = SfrOn(gamma=gamma, steps=steps, log_every=1, lr=1e-3, **options), {}

    def spy(task: Task):
        for part in ("forget", "retain"):
            images = draw_images(task.split, part, 4000, seed=task.stream("fisher images", part))
            seen[part] = diagonal_fisher(task.model, images, seed=task.stream("fisher", part))
        return method(task)

    model = tiny_world.trained()
    before, (after, update) = weights(model), run(spy, model)
    return {k: v - before[k] for k, v in weights(after).items()}, salient(seen["forget"], seen["retain"], gamma), update


def test_ascent_stays_within_the_mask_and_raises_the_forget_loss() -> None:
    moved, mask, update = step(1, gamma=1.0)
    for k, there in moved.items():
        assert not (there[mask[k] == 0] if k in mask else there).any(), k
    assert any(there.any() for there in moved.values())
    assert update.realised["forget"] > 0


def test_descent_does_not() -> None:
    """The negative control: the second step goes everywhere."""
    moved, mask, _ = step(2, gamma=1.0)
    assert any((there[mask[k] == 0]).any() for k, there in moved.items() if k in mask)


def test_the_ascent_is_clipped_and_fades_out() -> None:
    moved, _, update = step(8, gamma=1.0, max_norm=1e-3)
    per_step = update.details["per_step"]
    assert per_step["alpha"] == pytest.approx([5 * (1 + math.cos(math.pi * k / 8)) for k in (0, 2, 4, 6)])
    assert all(c < 1 for c in per_step["clip"])
    only, _, _ = step(1, gamma=1.0, max_norm=1e-3)
    assert math.sqrt(sum(float(v.square().sum()) for v in only.values())) == pytest.approx(1e-6, rel=0.05)
    assert len(moved) == len(only)


def test_smoke() -> None:
    _, update = assert_smoke(SfrOn(steps=4, log_every=1), still="encoder")
    assert 0 < update.details["mask_share"] < 1


def test_an_attribute_of_a_gaussian_convolutional_model() -> None:
    _, _, update = forget_upright(SfrOn(steps=20, lr=1e-4, log_every=20))  # its gradients are 25 times larger
    assert update.realised["forget"] > 0.5
    assert update.realised["retain"] < 0


@pytest.mark.parametrize(
    "options", [{"alpha": 0}, {"gamma": -1}, {"adaptivity": -0.5}, {"max_norm": 0}, {"fisher_images": 0}, {"steps": 0}]
)
def test_bad_options(options: dict) -> None:
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        SfrOn(**options)
