"""Retain surgery leaves the forget loss flat to first order: halving the step quarters its change."""

from __future__ import annotations

from math import log2

import pytest
import torch

import tiny_world
from gsu_cli.gradients import mean_gradient, mean_loss
from gsu_cli.methods.retain_surgery import RetainSurgery
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import add_scaled, dot, norm, scale

from ._smoke import assert_smoke, run

SEED = 5


def order_of_forget_change(project: bool) -> float:
    """p in ``|L_f(theta - h d) - L_f(theta)| ~ h^p``, in float64 so that the change is not rounding."""
    model, split = tiny_world.trained(), tiny_world.split()
    names = [k for k, _ in model.named_parameters()]
    g_f, g_r = (mean_gradient(model, x, names, seed=SEED).vector for x in (split.forget_images, split.retain_images))
    d = project_out(g_r, [g_f]).direction if project else g_r
    d, theta = scale(d, 1 / norm(d)), dict(model.named_parameters())
    theta = {k: v.detach() for k, v in theta.items()}

    def forget(h: float) -> float:
        return mean_loss(model, split.forget_images, seed=SEED, theta=add_scaled(theta, -h, d))

    change = [abs(forget(h) - forget(0.0)) for h in (0.04, 0.02)]
    return log2(change[0] / change[1])


def test_smoke():
    _, update = assert_smoke(RetainSurgery(steps=6))
    assert len(update.details["per_step"]["cosine"]) == 6


def test_the_forget_loss_is_flat_to_first_order():
    assert order_of_forget_change(project=True) == pytest.approx(2.0, abs=0.3)


def test_plain_retain_descent_is_not():
    assert order_of_forget_change(project=False) == pytest.approx(1.0, abs=0.3)


def test_the_step_is_orthogonal_to_the_forget_gradient_with_sgd():
    model, split = tiny_world.trained(), tiny_world.split()
    moved, _ = run(RetainSurgery(steps=1, batch_size=10_000, optimiser="sgd", lr=1e-3), model)
    names = [k for k, _ in model.named_parameters()]
    step = {
        k: b.detach() - a.detach()
        for (k, a), (_, b) in zip(model.named_parameters(), moved.named_parameters(), strict=True)
    }
    g_f = mean_gradient(model, split.forget_images, names, seed=SEED).vector  # other noise than the step's
    assert abs(dot(g_f, step)) < 0.2 * norm(g_f) * norm(step)
    assert torch.isfinite(step[names[0]]).all()
