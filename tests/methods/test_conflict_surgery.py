from __future__ import annotations

import pytest

import tiny_world
from gsu_cli.gradients import mean_gradient
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.conflict_surgery import ConflictSurgery
from gsu_cli.methods.gradient_surgery import GradientSurgery
from gsu_cli.surgery.vectors import dot
from tiny_world import same, weights

from ._smoke import assert_smoke, run


def descend_until(conflict: bool):
    """A model at which the two mean gradients conflict, or not: retain descent makes them differ, ascent agree."""
    from gsu_cli.gradients import parameters
    from gsu_cli.methods.base import add_

    model, split = tiny_world.trained(), tiny_world.split()
    for _ in range(200):
        names = [k for k, _ in model.named_parameters()]
        g_f = mean_gradient(model, split.forget_images, names, seed=1).vector
        g_r = mean_gradient(model, split.retain_images, names, seed=2).vector
        if (dot(g_f, g_r) > 0.05 * dot(g_r, g_r)) == conflict and dot(g_f, g_r) != 0:
            assert parameters(model)
            return model
        # a little up the retain loss makes retain gradients large and shared; down makes them small and opposed
        add_(model, g_r if conflict else g_f, 2e-3 if conflict else -2e-3)
        if not conflict and dot(g_f, g_r) < 0:
            return model
    raise AssertionError("no such model was found")


def test_smoke():
    assert_smoke(ConflictSurgery())


def test_without_conflict_it_is_plain_ascent():
    model = descend_until(conflict=False)
    moved, update = run(ConflictSurgery(), model)
    assert update.details["projected"] == [False]
    assert update.surviving_share == pytest.approx(1.0)
    assert same(weights(moved), weights(run(Ascent(), model)[0]))
    assert not same(weights(moved), weights(run(GradientSurgery(), model)[0]))


def test_in_conflict_it_is_gradient_surgery():
    model = descend_until(conflict=True)
    moved, update = run(ConflictSurgery(), model)
    assert update.details["projected"] == [True]
    assert update.surviving_share < 1
    twin = weights(run(GradientSurgery(), model)[0])
    assert all((v - twin[k]).abs().max() < 1e-6 for k, v in weights(moved).items())
