from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.gradients import mean_loss
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.solvers import latent_steps
from gsu_cli.solvers.options import READ
from gsu_cli.surgery.second_order import parabola
from gsu_cli.surgery.streaming import accumulate_product
from gsu_cli.surgery.vectors import add_scaled, norm, scale
from gsu_cli.unlearning import images as chosen_images
from gsu_cli.unlearning.images import draw_images
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights

ALONE = {"finish": None, "encoder": "kept"}  # the step: the last layer stays where it left it, and the encoder


def run(method, model=None, seed=0, split=None):
    return unlearn(
        model or tiny_world.trained(),
        split or tiny_world.split(),
        method,
        generator=torch.Generator().manual_seed(seed),
        diagnostics=False,
    )


@pytest.mark.parametrize("budget", [0.003, 0.01, 0.1])
@pytest.mark.parametrize("shots", [1, 2])
def test_the_budget_is_spent_and_never_exceeded(budget, shots):
    update = run(FisherSurgery(budget=budget, shots=shots, **ALONE))[1]
    spent = update.details["budget_spent"]
    assert 0 < spent <= budget * (1 + 1e-5)
    chosen = [s for s in update.details["shots"] if s["chosen"]]
    if all(s["step"] == s["step_within_budget"] for s in chosen):  # none overshot the redirect loss
        assert spent > 0.5 * budget
    else:
        assert (shots, budget) == (2, 0.1)


@pytest.mark.parametrize("shots", [1, 2])
def test_the_budget_of_a_negative_loss_is_a_budget(shots, monkeypatch):
    """A density above 1 makes the -ELBO negative; a raise by 1 % of its size is one all the same."""
    model = tiny_world.trained()
    kind = type(model.likelihood)
    original = kind.nll
    monkeypatch.setattr(kind, "nll", lambda self, output, x: original(self, output, x) - 100.0)
    moved, update = run(FisherSurgery(budget=0.01, shots=shots), model)
    images = draw_images(tiny_world.split(), "retain", 400, seed=0)
    before, after = mean_loss(model, images, seed=1), mean_loss(moved, images, seed=1)
    assert before < 0
    assert 0 < update.details["budget_spent"] <= 0.01 * (1 + 1e-5)
    assert 0 < after - before < 0.03 * abs(before)


def test_the_budget_is_measured_on_images_of_the_retain_set():
    """The same number, from the model's own loss."""
    seen, method, model = {}, FisherSurgery(budget=0.05, budget_images=80, **ALONE), tiny_world.trained()

    def spy(task):
        seen.update(retain=task.stream("retain"), budget=task.stream("budget"))
        return method(task)

    moved, update = run(spy, model)
    images = draw_images(tiny_world.split(), "retain", method.retain_images, seed=seen["retain"])
    images = images[torch.arange(80)]
    theta = {k: v.detach() for k, v in moved.named_parameters() if k.startswith("decoder.")}
    frozen = frozen_elbo(model, images, seed=seen["budget"])
    before = frozen.mean({k: v.detach() for k, v in model.named_parameters() if k in theta})
    assert frozen.mean(theta) / before - 1 == pytest.approx(update.details["budget_spent"], rel=1e-4)


def test_the_redirect_loss_falls_and_a_larger_budget_takes_it_further():
    small, large = (run(FisherSurgery(budget=b, **ALONE))[1].details["redirect_loss"] for b in (0.01, 0.1))
    assert small["floor"] < large["after"] < small["after"] < small["before"]


def test_the_encoder_stays_bit_identical_and_the_decoder_moves():
    model = tiny_world.trained()
    moved, _ = run(FisherSurgery(**ALONE), model)
    for (name, a), b in zip(model.named_parameters(), moved.parameters(), strict=True):
        assert torch.equal(a, b) == (not name.startswith("decoder.")), name


def test_forgetting_shows_on_heldout_images():
    model, split = tiny_world.trained(), tiny_world.split()
    moved, _ = run(FisherSurgery(budget=0.02), model)

    def rise(images):
        return mean_loss(moved, images, seed=0) / mean_loss(model, images, seed=0) - 1

    assert rise(split.heldout_retain_images) < 0.05
    assert rise(split.heldout_forget_images) > 4 * max(rise(split.heldout_retain_images), 0.01)


def test_two_shots_are_bit_identical_twice_and_not_one():
    once, twice, one = (run(FisherSurgery(shots=s))[0] for s in (2, 2, 1))
    assert same(weights(once), weights(twice))
    assert not same(weights(once), weights(one))


def test_each_shot_logs_its_candidates_and_takes_one():
    update = run(FisherSurgery(shots=2, damping=[0.1, 1.0]))[1]
    log = update.details["shots"]
    assert [c["damping"] for c in log] == [0.1, 1.0] * 2
    assert [sum(c["chosen"] for c in log[i : i + 2]) for i in (0, 2)] == [1, 1]
    assert (update.shots, update.predicted) == (2, {})


def test_several_shots_spare_other_images_than_those_of_the_budget(monkeypatch):
    """What lowers the loss of the budget's images alone would buy room that no other image gives."""
    seen, spared = [], []
    asked = latent_steps.spared_by

    def noted(task, retain, cost, step):
        images, loss = asked(task, retain, cost, step)
        seen.append(cost.sites.targets.flatten(1))
        spared.append(loss.sites.targets.flatten(1))
        return images, loss

    monkeypatch.setattr(latent_steps, "spared_by", noted)
    monkeypatch.setattr(chosen_images, "LEAST_OTHERS", 100)
    run(FisherSurgery(shots=3, retain_images=300, budget_images=150))
    assert torch.equal(seen[0], spared[0]), "at the original there is nothing to fit"
    for budget, others in zip(seen[1:], spared[1:], strict=True):
        assert len(budget) == len(others) == 150
        assert len(torch.cat([budget, others]).unique(dim=0)) == len(budget.unique(dim=0)) + len(others.unique(dim=0))
    assert not torch.equal(spared[1], spared[2])
    run(FisherSurgery(shots=2, budget_images=350))
    assert torch.equal(seen[-1], spared[-1]), "50 others are too few"


def test_near_the_original_the_parabola_behind_the_prediction_comes_true():
    """A budget, however small, is a long step where the retain loss falls at first: here the step is short."""
    model, split = tiny_world.trained(), tiny_world.split()
    theta = {k: v.detach() for k, v in model.named_parameters() if k.startswith("decoder.")}
    moved = dict(run(FisherSurgery(**ALONE), model)[0].named_parameters())
    d = {k: moved[k].detach() - v for k, v in theta.items()}
    d = scale(d, 1 / norm(d))
    for images in (split.retain_images, split.forget_images):
        loss = frozen_elbo(model, images, seed=0)
        g, Hd = accumulate_product(loss.blocks(), theta, d)
        predicted = parabola(g.vector, Hd, d).change(0.1)
        realised = loss.mean(add_scaled(theta, 0.1, d)) - loss.mean(theta)
        assert realised == pytest.approx(predicted, rel=0.1, abs=1e-3)


def test_few_images_of_either_kind_are_enough():
    split = tiny_world.split_of(sample=[3, 9])
    _, update = run(FisherSurgery(retain_images=40, budget_images=20), split=split)
    images = update.details["images"]
    assert (images["retain"], images["forget"], images["budget"]) == (40, 2, 20)
    assert update.details["budget_spent"] <= 0.01 * (1 + 1e-5)


def test_a_step_that_overshoots_is_halved_until_it_helps() -> None:
    """One forgotten sample cannot spend the budget: the longest step within it lies beyond the redirect's bottom."""
    from gsu_cli.data.forget import ForgetSpec

    dataset = tiny_world.dataset()
    split = ForgetSpec.from_values(sample=[3]).resolve(dataset, generator=torch.Generator())
    method = FisherSurgery(budget=0.5, bound="none")
    _, update = unlearn(tiny_world.trained(), split, method, generator=torch.Generator().manual_seed(0))
    loss = update.details["redirect_loss"]
    assert loss["after"] < loss["before"]
    chosen = next(s for s in update.details["shots"] if s["chosen"])
    assert chosen["step"] <= chosen["step_within_budget"]


def test_the_exact_solve_keeps_the_budget_and_logs_its_multiplier():
    exact = run(FisherSurgery(solver="gauss_newton"))[1]
    rough = run(FisherSurgery(damping=[0.1], **ALONE))[1]
    assert (exact.details["solver"], rough.details["solver"]) == ("gauss_newton", "kfac")
    assert 0 < exact.details["budget_spent"] <= 0.01 * (1 + 1e-5)
    assert exact.details["redirect_loss"]["after"] < 0.7 * exact.details["redirect_loss"]["before"]
    (shot,) = exact.details["shots"]
    assert shot["mu"] > 0
    assert [s["mu"] for s in rough.details["shots"]] == [None]


def test_the_exact_solve_is_bit_identical_twice_and_counts_its_products():
    once, twice = (run(FisherSurgery(solver="gauss_newton", iterations=3, curvature_images=40)) for _ in range(2))
    assert same(weights(once[0]), weights(twice[0]))
    assert once[1].details["cost"]["double_backward"] == 3 * (40 + 20)
    assert run(FisherSurgery())[1].details["cost"]["double_backward"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 3}, "`method.iterations` must be left out with solver=kfac of a decoder"),
        ({"noise_from": 0.4}, "found 0.4. Leave it out; a diffusion model reads it."),
        ({"solver": "gauss_newton", "layers": 1}, "`method.layers` must be left out with solver=gauss_newton"),
        ({"solver": "gauss_newton", "damping": [0.3, 1]}, "`method.damping` must be one number"),
        ({"solver": "least_squares", "damping": 0.3}, "`method.damping` must be left out with solver=least_squares"),
        ({"solver": "least_squares", "ekfac": True}, "`method.ekfac` must be left out with solver=least_squares"),
    ],
)
def test_options_that_change_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        run(FisherSurgery(**options))
    assert message in str(error.value)


def test_every_option_of_a_solver_is_one_of_the_method() -> None:
    taken = inspect.signature(FisherSurgery).parameters
    assert {key for keys in READ.values() for key in keys} <= taken.keys()
