from __future__ import annotations

import copy
from dataclasses import replace

import torch

from gsu_cli.methods.ascent_descent import AscentDescent
from gsu_cli.unlearning.descent import Descent
from method_runs import assert_smoke, run


def test_smoke():
    _, update = assert_smoke(AscentDescent(steps=6), still="encoder.")
    assert update.shots == 6


def test_it_steps_up_the_forget_gradient_then_down_the_retain_gradient():
    method, seen = AscentDescent(steps=2, lr=1e-3), {}

    def spy(task):
        seen["descent"] = Descent.of(replace(task, model=copy.deepcopy(task.model)), method.loop)
        return method(task)

    moved, _ = run(spy)
    by_hand = seen["descent"]  # the same batches and noise, stepped by hand
    for part, sign in (("forget", 1.0), ("retain", -1.0)):
        _, g = by_hand.gradient(part)
        with torch.no_grad():
            for w, v in zip(by_hand.weights, g.values(), strict=True):
                w.add_(v, alpha=sign * 1e-3)
    for (name, a), b in zip(moved.named_parameters(), by_hand.task.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_ascent_raises_the_forget_loss():
    _, update = run(AscentDescent(steps=1, lr=0.05))
    assert update.realised["forget"] > 0
