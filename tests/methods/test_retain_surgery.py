"""Retain surgery leaves the forget loss flat to first order; plain retain descent does not."""

from __future__ import annotations

import torch

import tiny_world
from gsu_cli.gradients import mean_gradient, mean_loss
from gsu_cli.methods.retain_surgery import RetainSurgery
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import add_scaled, dot, norm, scale
from method_runs import assert_smoke, run

SEED = 5


def slope_of_the_forget_loss(project: bool) -> float:
    """``dL_f/dh`` along the normalised step, in units of ``|g_f|``; central, so without curvature."""
    model, split = tiny_world.trained(), tiny_world.split()
    names = [k for k, _ in model.named_parameters()]
    g_f, g_r = (mean_gradient(model, x, names, seed=SEED).vector for x in (split.forget_images, split.retain_images))
    d = project_out(g_r, [g_f]).direction if project else g_r
    d, theta, h = scale(d, 1 / norm(d)), {k: v.detach() for k, v in model.named_parameters()}, 0.005
    up, down = (mean_loss(model, split.forget_images, seed=SEED, theta=add_scaled(theta, t, d)) for t in (-h, h))
    return (up - down) / (2 * h) / norm(g_f)


def test_smoke():
    _, update = assert_smoke(RetainSurgery(steps=6))
    assert len(update.details["per_step"]["cosine"]) == 6


def test_the_forget_loss_is_flat_to_first_order():
    assert abs(slope_of_the_forget_loss(project=True)) < 0.02


def test_along_plain_retain_descent_it_is_not():
    assert abs(slope_of_the_forget_loss(project=False)) > 0.1


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
