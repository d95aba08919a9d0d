from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

import tiny_world
from gsu_cli.gradients import mean_gradient
from gsu_cli.surgery.vectors import dot
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.diagnostics import diagnose
from gsu_cli.unlearning.unlearn import unlearn
from method_runs import run

SPLIT = tiny_world.split()
PARTS = {"forget": SPLIT.forget_images, "retain": SPLIT.retain_images}


def gradients(model):
    names = [k for k, _ in model.named_parameters()]
    return (mean_gradient(model, PARTS[part], names, seed=3).vector for part in ("forget", "retain"))


def stepped(model, direction, length):
    moved = copy.deepcopy(model)
    with torch.no_grad():
        for k, p in moved.named_parameters():
            p.add_(direction[k], alpha=length)
    return moved


def test_conflict_and_survival_are_those_of_the_gradients_layer_by_layer() -> None:
    model = tiny_world.trained()
    g_f, g_r = gradients(model)
    found = diagnose(model, model, PARTS, seed=3)
    layer = "decoder.0.weight"
    a, b = g_f[layer].flatten().double(), g_r[layer].flatten().double()
    assert found["cosine"][layer] == pytest.approx(float(a @ b / (a.norm() * b.norm())), abs=1e-6)
    assert found["surviving_share"]["all"] == pytest.approx(1 - found["cosine"]["all"] ** 2, abs=1e-5)
    shares = found["surviving_share"]
    whole = sum(shares[k] * dot({k: v}, {k: v}) for k, v in g_f.items())  # layers add up to the whole
    assert whole == pytest.approx(shares["all"] * dot(g_f, g_f), rel=1e-4)
    assert found["cosine"].keys() == shares.keys() == {"all", *g_f}


def test_the_first_order_is_right_for_a_short_step_and_wrong_for_a_long_one() -> None:
    model = tiny_world.trained()
    g_f, _ = gradients(model)

    def gap(length: float) -> float:
        change = diagnose(model, stepped(model, g_f, length), PARTS, seed=3)["loss_change"]["forget"]
        return abs(change["realised"] / change["first_order"] - 1)

    assert gap(1e-4) < 0.05
    assert gap(1e-1) > 0.2


def test_buffers_that_drift_are_seen() -> None:
    class WithBuffers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny_world.fresh()
            self.register_buffer("mean", torch.tensor([1.0, 2.0]))
            self.register_buffer("count", torch.tensor(3))

        def loss(self, x, y, generator):
            return self.inner.loss(x, y, generator)

    before, after = WithBuffers(), WithBuffers()
    after.mean[1] = 2.5
    assert diagnose(before, after, PARTS, seed=0)["buffer_drift"] == {"mean": 0.5, "count": 0.0}


def test_a_layer_without_gradient_has_none() -> None:
    model = tiny_world.fresh()
    model.idle = nn.Linear(1, 1, bias=False)
    found = diagnose(model, model, PARTS, seed=0)
    assert found["cosine"]["idle.weight"] is None
    assert found["surviving_share"]["idle.weight"] is None


def test_a_destroyed_model_has_no_loss_but_a_record() -> None:
    model = tiny_world.trained()
    ruined = copy.deepcopy(model)
    with torch.no_grad():
        for p in ruined.posterior_head.parameters():
            p.fill_(1e30)
    change = diagnose(model, ruined, PARTS, seed=0)["loss_change"]
    assert change["retain"]["realised"] is None
    assert math.isfinite(change["retain"]["first_order"])


def test_every_record_has_them_and_a_search_may_leave_them_out() -> None:
    _, update = run(lambda task: Update("idle"), diagnostics=True)
    found = update.details["diagnostics"]
    assert found["loss_change"]["forget"] == {"first_order": 0.0, "realised": 0.0}
    assert found["images"] == {"forget": 200, "retain": 400}
    generator = torch.Generator().manual_seed(0)
    _, bare = unlearn(tiny_world.trained(), SPLIT, lambda task: Update("idle"), generator=generator, diagnostics=False)
    assert "diagnostics" not in bare.details
