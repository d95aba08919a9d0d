from __future__ import annotations

import pytest

from gsu_cli.methods.ascent_descent import AscentDescent

from ._smoke import assert_smoke, run


def test_smoke():
    _, update = assert_smoke(AscentDescent(steps=6), still="encoder.")
    assert update.shots == 6


def test_the_first_step_climbs_the_forget_loss():
    _, update = run(AscentDescent(steps=1, lr=1e-4, batch_size=10_000, scope="all"))
    # one full batch: the forget loss rises by eta |g_f|^2 = |step|^2 / eta
    assert update.realised["forget"] == pytest.approx(update.step_norm**2 / 1e-4, rel=0.2)


def test_the_second_step_gives_retain_loss_back():
    one, two = (run(AscentDescent(steps=s, lr=1e-3, batch_size=10_000))[1].realised for s in (1, 2))
    assert two["retain"] < one["retain"]
