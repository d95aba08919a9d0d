from __future__ import annotations

import pytest

import tiny_world
from gsu_cli.gradients import mean_gradient
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.conflict_surgery import ConflictSurgery
from gsu_cli.methods.gradient_surgery import GradientSurgery
from gsu_cli.surgery.vectors import dot
from method_runs import assert_smoke, run
from tiny_world import same, weights


def first_order_change(seed):
    """``g_f.g_r`` as the method itself sees it: what its raw step would do to the retain loss."""
    model, split, found = tiny_world.trained(), tiny_world.split(), {}
    names = [k for k, _ in model.named_parameters()]

    def spy(task):
        g_f = mean_gradient(model, split.forget_images, names, seed=task.stream("forget", 0)).vector
        g_r = mean_gradient(model, split.retain_images, names, seed=task.stream("retain", 0)).vector
        found["dot"] = dot(g_f, g_r)
        return ConflictSurgery()(task)

    return *run(spy, model, seed=seed), found["dot"]


def test_smoke():
    assert_smoke(ConflictSurgery())


def test_it_projects_where_the_raw_step_would_raise_the_retain_loss_and_only_there():
    kinds = set()
    for seed in range(8):
        moved, update, change = first_order_change(seed)
        kinds.add(change > 0)
        assert update.details["projected"] == [change > 0]
        ascent, surgery = (weights(run(m, seed=seed)[0]) for m in (Ascent(), GradientSurgery()))
        if change > 0:
            assert update.surviving_share < 1
            assert all((v - surgery[k]).abs().max() < 1e-6 for k, v in weights(moved).items())
        else:
            assert update.surviving_share == pytest.approx(1.0)
            assert same(weights(moved), ascent)
            assert not same(weights(moved), surgery)  # which projects the gain away
    assert kinds == {True, False}  # near the optimum noise decides, so a few seeds show both
