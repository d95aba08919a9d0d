from __future__ import annotations

import pytest
import torch
from torch import nn

import tiny_conditional
import tiny_world
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.joint_redirect import WARM_UP, JointRedirect
from gsu_cli.unlearning.optimisers import warm_up_then_cosine
from method_runs import assert_smoke, run
from tiny_world import same, weights

QUICK = {"steps": 40, "lr": 3e-3, "batch_size": 64, "redirect_size": 32, "log_every": 10}


def test_smoke():
    assert_smoke(JointRedirect(**QUICK, budget=0.05), still="encoder.")


def test_it_keeps_the_budget_whatever_the_rate():
    for budget, lr in ((0.01, 3e-3), (0.05, 3e-2)):
        details = run(JointRedirect(**{**QUICK, "lr": lr}, budget=budget))[1].details
        assert details["budget_spent"] <= budget
        assert details["redirect_loss"]["after"] < details["redirect_loss"]["before"]


def test_beyond_the_budget_it_goes_part_of_the_way_back():
    details = run(JointRedirect(**{**QUICK, "steps": 5, "lr": 0.1, "log_every": 5}, budget=0.001))[1].details
    assert details["length"] < 1
    assert 0 < details["budget_spent"] <= 0.001


def test_the_price_rises_while_budget_is_left_and_falls_where_it_is_overspent():
    price = run(JointRedirect(**QUICK, budget=1.0))[1].details["trajectory"]["price"]
    assert price == sorted(price)
    assert price[-1] > price[0]
    price = run(JointRedirect(**{**QUICK, "steps": 5, "lr": 0.1, "log_every": 1}, budget=0.001))[1].details[
        "trajectory"
    ]["price"]
    assert price[-1] < price[0]


def test_it_redirects_further_than_one_step_at_the_same_budget():
    many = run(JointRedirect(**{**QUICK, "steps": 300}, budget=0.02))[1].details
    one = run(FisherSurgery(budget=0.02))[1].details
    assert many["redirect_loss"]["before"] == pytest.approx(one["redirect_loss"]["before"])
    assert many["redirect_loss"]["after"] < one["redirect_loss"]["after"]
    assert many["budget_spent"] <= 0.02


def test_the_trajectory_is_of_fixed_images():
    details = run(JointRedirect(**QUICK, budget=0.05))[1].details
    assert details["trajectory"]["step"] == [0, 10, 20, 30, 40]
    assert {len(v) for v in details["trajectory"].values()} == {5}
    start = details["trajectory"]["retain"][0]
    if details["length"] == 1:
        assert details["trajectory"]["retain"][-1] / start - 1 == pytest.approx(details["budget_spent"])


def test_costs_are_counted_by_hand():
    few = {**QUICK, "retain_images": 50, "forget_images": 40, "budget_images": 30, "pool_images": 70}
    details = run(JointRedirect(**few, budget=1.0))[1].details
    cost = details["cost"]
    assert details["length"] == 1
    assert cost["gradients"] == 40 * (64 + 32)
    assert cost["generated"] == 90 + 70
    assert cost["forward"] == (50 + 40) + 30 + 5 * 30 + 30, "posteriors for the targets; before, at looks, after"
    looked = run(JointRedirect(**few, budget=1.0, target="discriminant"))[1].details
    assert looked["target"]["kind"] == "discriminant"
    assert looked["cost"]["generated"] == 90 + 70 + 45 + 36, "what the discriminant is fitted to: nine of ten"
    images = {**QUICK, "steps": 4, "batch_size": 10_000, "retain_targets": "images"}
    whole = run(JointRedirect(**images, budget=1.0))[1].details["cost"]
    assert whole["gradients"] == 4 * (tiny_world.split().n_retain + 32), "a batch is no larger than its part"
    pool = run(JointRedirect(**{**images, "retain_targets": "own"}, pool_images=70, budget=1.0))[1].details["cost"]
    assert pool["gradients"] == 4 * (70 + 32)


def test_what_the_original_generates_is_a_steadier_hold_than_images():
    """At the same steps and rate the retain loss stays lower for as much redirection, or redirection goes further."""
    found = [
        run(JointRedirect(**QUICK, budget=0.02, retain_targets=kind))[1].details["redirect_loss"]["after"]
        for kind in ("own", "images")
    ]
    assert found[0] < found[1]
    with pytest.raises(UsageError, match=r"`method.retain_targets` must be"):
        JointRedirect(retain_targets="x")


def test_a_rate_at_which_nothing_stays_finite_changes_nothing():
    model = tiny_world.trained()
    before = weights(model)
    with pytest.raises((NonFiniteError, UsageError), match="lower method.lr|Lower method.lr"):
        run(JointRedirect(**{**QUICK, "lr": 1e30}), model)
    assert same(weights(model), before)


def test_the_schedule_ends_at_nothing():
    assert warm_up_then_cosine(1.0, WARM_UP) == pytest.approx(0.0, abs=1e-12)
    assert max(warm_up_then_cosine(u / 100, WARM_UP) for u in range(1, 101)) == 1.0


@pytest.mark.parametrize(
    "options",
    [
        {"budget": 0},
        {"lr": 0},
        {"lr": float("nan")},
        {"steps": 0},
        {"redirect_size": 0},
        {"target": "far"},
        {"budget_images": 1},
    ],
)
def test_options_out_of_range(options):
    with pytest.raises(UsageError, match=rf"method\.{next(iter(options))}"):
        JointRedirect(**options)


def test_a_conditional_model_is_redirected_at_its_codes():
    update = run(JointRedirect(**QUICK, budget=0.1), tiny_conditional.trained())[1]
    assert update.details["redirect_loss"]["after"] < update.details["redirect_loss"]["before"]


def test_the_way_back_ends_where_the_budget_was_measured():
    """Where the loss is no bowl, weights beyond the last ones may cost less than these: they say nothing of them."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight).requires_grad_(False)
    seen = {}

    def increase(theta):
        w = float(theta["weight"])
        seen[w] = 0.001 * w + (0.02 if 0.9 < w < 1.1 else 0.0)
        return seen[w]

    length = JointRedirect(budget=0.01)._back(model, increase, {"weight": torch.zeros(1, 1)})
    assert 0 < length < 1
    assert seen[float(model.weight)] <= 0.01
