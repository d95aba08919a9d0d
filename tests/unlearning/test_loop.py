from __future__ import annotations

import math

import pytest
import torch

import tiny_world
from gsu_cli.checks import as_number
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.vectors import scale
from gsu_cli.unlearning.batches import Batches
from gsu_cli.unlearning.contract import Task
from gsu_cli.unlearning.cost import Cost
from gsu_cli.unlearning.descent import Descent, Loop
from gsu_cli.unlearning.loop import iterate
from method_runs import run
from tiny_world import same, weights


class Climb:
    """Plain ascent on the retain loss, so that a budget is soon spent; nan from step ``breaks`` on."""

    name = "climb"

    def __init__(self, breaks: int | None = None, **options):
        self.loop = Loop(**{"steps": 12, "lr": 3e-3, "optimiser": "sgd", "log_every": 1, **options})
        self.breaks, self.model = breaks, None

    def __call__(self, task: Task):
        descent = Descent.of(task, self.loop)
        self.model = task.model

        def direction(k: int):
            loss, g = descent.gradient("retain")
            broken = self.breaks is not None and k >= self.breaks
            return scale(g, math.nan if broken else -1.0), {"loss": float(loss)}

        return iterate(descent, self.name, direction)


def test_it_takes_all_steps_without_a_budget():
    _, update = run(Climb(log_every=5))
    assert update.shots == 12
    assert update.details["trajectory"]["step"] == [0, 5, 10, 12]
    assert len(update.details["per_step"]["loss"]) == 12
    assert update.details["stopped"] is None


def test_the_budget_ends_it_at_the_last_state_within():
    free = run(Climb())[1].details["trajectory"]
    rises = [x / free["retain"][0] - 1 for x in free["retain"]]
    budget = (rises[4] + rises[5]) / 2
    _, update = run(Climb(retain_budget=budget))
    assert (update.shots, update.details["stopped"]) == (4, 5)
    assert update.realised["retain"] == free["retain"][4] - free["retain"][0]


def test_a_budget_that_nothing_fits_gives_the_original_back():
    model = tiny_world.trained()
    moved, update = run(Climb(retain_budget=1e-9), model)
    assert update.shots == 0
    assert same(weights(moved), weights(model))


def test_nan_ends_it_at_the_last_good_state():
    method, model = Climb(breaks=4, log_every=2), tiny_world.trained()
    with pytest.raises(NonFiniteError, match="step 5.*until step 4"):
        run(method, model)
    again, _ = run(Climb(steps=4, log_every=2), model)
    assert same(weights(method.model), weights(again))


def test_logging_does_not_move_the_result():
    assert same(weights(run(Climb(log_every=1))[0]), weights(run(Climb(log_every=7))[0]))


def test_a_pass_of_batches_sees_every_image_once():
    images = tiny_world.dataset().train[torch.arange(40)]
    batches = Batches(images, 10, seed=0)
    seen = torch.cat([batches.draw()[0] for _ in range(4)]).flatten(1).sum(1)
    assert torch.equal(seen.sort().values, images.floats().flatten(1).sum(1).sort().values)
    assert len(Batches(images, 100, seed=0).draw()[0]) == 40


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"steps": 0}, {"optimiser": "lion"}, {"retain_budget": -0.1}])
def test_options_are_checked(options):
    with pytest.raises(UsageError, match=f"method.{next(iter(options))}"):
        Climb(**options)


def test_numbers_are_checked():
    for value in (math.nan, True, "1", 2.0, -1.0):
        with pytest.raises(UsageError):
            as_number("method.alpha", value, least=0.0, most=1.0)


def test_costs_add_up():
    cost = Cost(gradients=60, double_backward=30, fisher=10, generated=15, forward=15)
    assert cost.record(10)["gradient_evaluations_per_image"] == 14
