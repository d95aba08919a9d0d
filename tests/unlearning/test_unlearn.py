"""The contract that every method is held to."""

from __future__ import annotations

import pytest
import torch

import tiny_world
from gsu_cli.errors import NonFiniteError
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.finetune import Finetune
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.gradient_surgery import GradientSurgery
from gsu_cli.methods.retrain import Retrain
from gsu_cli.surgery.vectors import norm
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.images import draw_images
from gsu_cli.unlearning.unlearn import unlearn
from gsu_cli.unlearning.weights import cosine
from tiny_world import same, weights

METHODS = {
    "ascent": Ascent(lr=1e-3),
    "finetune": Finetune(batch_size=64),
    "fisher_surgery": FisherSurgery(),
    "gradient_surgery": GradientSurgery(lr=1e-3),
    "retrain": Retrain(epochs=2),
}
every_method = pytest.mark.parametrize("name", METHODS)


def run(name, seed=0, split=None, model=None):
    method = METHODS[name] if isinstance(name, str) else name
    return unlearn(
        model or tiny_world.trained(),
        split or tiny_world.split(),
        method,
        generator=torch.Generator().manual_seed(seed),
        recipe=tiny_world.RECIPE,
    )


@every_method
def test_the_original_is_untouched_bit_for_bit(name):
    model = tiny_world.trained()
    before = weights(model)
    moved, update = run(name, model=model)
    assert same(weights(model), before)
    assert not same(weights(moved), before)
    assert update.method == name
    assert not moved.training


@every_method
def test_the_same_generator_gives_bit_identical_weights(name):
    once, update = run(name)
    torch.rand(5)  # ambient randomness must not matter
    twice, again = run(name)
    assert same(weights(once), weights(twice))
    assert update == again


@pytest.mark.parametrize("name", ["fisher_surgery", "finetune", "retrain", "ascent", "gradient_surgery"])
def test_another_seed_gives_other_weights(name):
    assert not same(weights(run(name, seed=0)[0]), weights(run(name, seed=1)[0]))


@every_method
def test_the_global_generator_is_left_alone(name):
    model = tiny_world.trained()
    before = torch.get_rng_state()
    run(name, model=model)
    assert torch.equal(torch.get_rng_state(), before)


@every_method
def test_a_single_sample_can_be_unlearned(name):
    _, update = run(name, split=tiny_world.split_of(sample=[7]))
    assert update.step_norm > 0


@every_method
def test_the_step_is_recorded(name):
    model = tiny_world.trained()
    before = {k: v.detach() for k, v in model.named_parameters()}
    moved, update = run(name, model=model)
    step = {k: v.detach() - before[k] for k, v in moved.named_parameters()}
    assert update.step_norm == pytest.approx(norm(step))
    touched = [k for k in step if step[k].any()]
    assert update.relative_norm == pytest.approx(norm(step) / norm({k: before[k] for k in touched}))
    assert update.details["movement_per_layer"].keys() == step.keys()


def test_weights_that_are_nan_are_refused():
    def spoil(task):
        with torch.no_grad():
            task.model.decoder[0].weight[0, 0] = float("nan")
        return Update("spoil")

    model = tiny_world.trained()
    before = weights(model)
    with pytest.raises(NonFiniteError, match=r"through spoil; found nan or inf in decoder\.0\.weight.*Lower the step"):
        run(spoil, model=model)
    assert same(weights(model), before)


def test_a_method_that_does_nothing_has_norm_zero():
    _, update = run(lambda task: Update("idle"))
    assert (update.step_norm, update.relative_norm) == (0.0, 0.0)


def test_weights_that_were_zero_do_not_divide_by_zero():
    def wake(task):
        with torch.no_grad():
            task.model.decoder[0].bias.fill_(1.0)
        return Update("wake")

    model = tiny_world.trained()
    with torch.no_grad():
        model.decoder[0].bias.zero_()
    assert run(wake, model=model)[1].relative_norm == 0.0


def test_stages_are_timed_and_progress_is_told():
    stages, calls = [], []

    class Stage:
        def __init__(self, name):
            stages.append(name)

        def __enter__(self):
            return None

        def __exit__(self, *_):
            return None

    unlearn(
        tiny_world.trained(),
        tiny_world.split(),
        GradientSurgery(),
        generator=torch.Generator().manual_seed(0),
        stage=Stage,
        on_progress=lambda *args: calls.append(args[:2]),
    )
    assert stages == ["unlearn", "gradients", "statistics", "step", "prediction", "diagnostics"]
    assert calls == [(1, 1)]


def test_draw_images_takes_at_most_what_there_is_from_the_right_part():
    split = tiny_world.split()
    forget, retain = draw_images(split, "forget", 10_000, seed=0), draw_images(split, "retain", 25, seed=0)
    assert len(forget) == split.n_forget
    assert forget.labels.unique().tolist() == [1]
    assert len(retain) == 25
    assert set(retain.labels.tolist()) <= {3, 8}
    assert torch.equal(retain.pixels, draw_images(split, "retain", 25, seed=0).pixels)


def test_cosine_of_nothing_is_none():
    a = {"w": torch.tensor([1.0, 0.0])}
    assert cosine(a, {"w": torch.tensor([1.0, 1.0])}) == pytest.approx(0.5**0.5)
    assert cosine(a, {"w": torch.zeros(2)}) is None


def test_a_loss_that_is_not_finite_names_the_method_and_the_way_out():
    with pytest.raises(NonFiniteError, match=r"finite through ascent; found .*Lower the step \(method.lr") as e:
        run(Ascent(lr=1e6))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("method", [Ascent(lr=1e-3), FisherSurgery()], ids=["ascent", "fisher_surgery"])
def test_an_original_without_finite_losses_is_not_the_methods_doing(method):
    model = tiny_world.trained()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1e15)
    with pytest.raises(
        NonFiniteError, match=r"losses of the original must be finite, before .*; found .*Take another"
    ) as e:
        run(method, model=model)
    assert "Lower the step" not in str(e.value)
