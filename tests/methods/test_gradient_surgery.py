"""The paper's claim on a trained model, with plain ascent as the negative control."""

from __future__ import annotations

from math import log2

import pytest
import torch

import tiny_world
from gsu_cli.gradients import class_gradients, mean_gradient, mean_loss
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.gradient_surgery import GradientSurgery, parts_at_random
from gsu_cli.surgery.vectors import Vector, dot, norm
from gsu_cli.unlearning.unlearn import unlearn


def run(method, seed=0, model=None):
    return unlearn(
        model or tiny_world.trained(),
        tiny_world.split(),
        method,
        generator=torch.Generator().manual_seed(seed),
        diagnostics=False,
    )


def step_of(method) -> Vector:
    """The direction that the method takes, from a small step of it."""
    before = {k: v.detach() for k, v in tiny_world.trained().named_parameters()}
    moved, _ = run(method)
    return {k: (v.detach() - before[k]) / method.lr for k, v in moved.named_parameters()}


def retain_change(method) -> float:
    """Change of the retain loss under the very noise of the method's own retain gradient."""
    model, split, seen = tiny_world.trained().double(), tiny_world.split(), {}
    images = split.retain_images

    def spy(task):
        seen["seed"] = task.stream("retain", 0)
        return method(task)

    moved, _ = unlearn(model, split, spy, generator=torch.Generator().manual_seed(0), diagnostics=False)
    before = mean_loss(model, images, seed=seen["seed"])
    return mean_loss(moved, images, seed=seen["seed"]) - before


@pytest.fixture
def in_float64(monkeypatch):
    """Images as float64, so that methods run in it from end to end: a change like h^2 drowns in float32."""

    import gsu_cli.data.base as base

    narrow = base.to_float
    monkeypatch.setattr(base, "to_float", lambda pixels: narrow(pixels).double())


def order(kind, **options) -> float:
    """p in ``|change of the retain loss| ~ h^p``."""
    a, b = (abs(retain_change(kind(lr=h, **options))) for h in (4e-5, 2e-5))
    return log2(a / b)


@pytest.mark.parametrize("scope", ["all", "generator"])
def test_the_retain_loss_moves_like_h_squared(scope, in_float64):
    assert order(GradientSurgery, scope=scope) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("scope", ["all", "generator"])
def test_without_surgery_it_moves_like_h(scope, in_float64):
    assert order(Ascent, scope=scope) == pytest.approx(1.0, abs=0.1)


def test_generator_scope_leaves_the_encoder_bit_identical():
    model = tiny_world.trained()
    for method in (GradientSurgery(lr=1e-2, scope="generator"), Ascent(lr=1e-2, scope="generator")):
        moved, _ = run(method, model=model)
        for (name, a), b in zip(model.named_parameters(), moved.parameters(), strict=True):
            assert torch.equal(a, b) == (not name.startswith("decoder.")), name


def test_the_mean_basis_is_orthogonal_to_the_retain_gradient():
    update = run(GradientSurgery(lr=1e-3))[1]
    assert update.details["rank"] == 1
    assert update.surviving_share == pytest.approx(1 - update.cosine**2, rel=1e-3)


def test_the_class_basis_is_orthogonal_to_each_class():
    method, model, split = GradientSurgery(lr=1.0, retain_basis="class"), tiny_world.trained(), tiny_world.split()
    names, seen = [k for k, _ in model.named_parameters()], {}

    def spy(task):
        seen["seed"] = task.stream("basis", 0)
        return method(task)

    spy.lr = method.lr
    d = step_of(spy)
    classes = class_gradients(model, split.retain_images, names, seed=seen["seed"])
    assert classes.keys() == {3, 8}
    for g in classes.values():
        assert abs(dot(g.vector, d)) < 1e-3 * norm(g.vector) * norm(d)
    assert run(method)[1].details["rank"] == 3  # two retained classes, and the mean under noise of its own


def test_the_batch_basis_is_orthogonal_to_each_part():
    method, model, split = (
        GradientSurgery(lr=1.0, retain_basis="batches", batches=4),
        tiny_world.trained(),
        tiny_world.split(),
    )
    seen = {}
    names = [k for k, _ in model.named_parameters()]

    def spy(task):
        seen["seed"] = task.stream("basis", 0)
        return method(task)

    spy.lr = method.lr
    d, images = step_of(spy), split.retain_images
    parts = parts_at_random(split, 4, seen["seed"])
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(split.n_retain))
    assert {len(p) for p in parts} == {split.n_retain // 4}
    for index in parts:
        g = mean_gradient(model, images[index], names, seed=seen["seed"]).vector
        assert abs(dot(g, d)) < 1e-3 * norm(g) * norm(d)


def test_more_projected_out_survives_less():
    shares = [
        run(GradientSurgery(retain_basis=basis, **options))[1].surviving_share
        for basis, options in (("mean", {}), ("class", {}), ("batches", {"batches": 16}))
    ]
    # class and mean gradients see different noise, so their spans are not exactly nested
    assert 0 < shares[2] < min(shares[:2])
    assert max(shares) < 1


def test_more_batches_than_images_are_as_many_as_images():
    assert len(parts_at_random(tiny_world.split(), 10_000, 0)) == tiny_world.split().n_retain


def test_on_conflict_only_a_step_that_would_harm_is_projected():
    always, conflict, raw = (
        step_of(m) for m in (GradientSurgery(lr=1.0), GradientSurgery(lr=1.0, when="conflict"), Ascent(lr=1.0))
    )
    cosine = run(GradientSurgery())[1].cosine
    target = always if cosine > 0 else raw
    gap = {k: conflict[k] - target[k] for k in target}
    assert norm(gap) < 1e-3 * norm(target)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_conflict_by_construction(sign):
    g_r = {"w": torch.tensor([sign, 0.0])}
    d = GradientSurgery(when="conflict").direction({"w": torch.tensor([1.0, 1.0])}, [g_r]).direction
    assert d["w"].tolist() == ([0.0, 1.0] if sign > 0 else [1.0, 1.0])


@pytest.mark.parametrize("scope", ["all", "generator"])
def test_for_a_small_step_the_second_order_prediction_comes_true(scope):
    update = run(GradientSurgery(lr=3e-4, scope=scope))[1]
    assert update.realised["forget"] == pytest.approx(update.predicted["forget"], rel=0.05)
    assert update.realised["forget"] > 0
    assert update.realised["retain"] == pytest.approx(update.predicted["retain"], rel=0.2, abs=2e-4)


def test_more_shots_go_further_and_predict_nothing():
    one, two = run(GradientSurgery(lr=1e-3))[1], run(GradientSurgery(lr=1e-3, shots=2))[1]
    assert two.realised["forget"] > 1.5 * one.realised["forget"]
    assert (two.shots, two.predicted) == (2, {})
