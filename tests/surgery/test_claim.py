"""The paper's claim on a small network: with surgery the retain loss moves like h^2, without like h."""

from __future__ import annotations

from math import log2

import pytest
import torch
from torch import nn

from gsu_cli.surgery.geometry import Euclidean, Geometry
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.second_order import hessian_vector_product, parabola
from gsu_cli.surgery.vectors import Vector, add_scaled, norm, scale

from . import _fisher
from ._samplers import generator

torch.manual_seed(0)
NET = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()
THETA = {k: p.detach() for k, p in NET.named_parameters()}
X = torch.randn(40, 5, generator=generator(1), dtype=torch.float64)
Y = torch.rand(40, 3, generator=generator(2), dtype=torch.float64)


def loss(theta: Vector, part: slice) -> torch.Tensor:
    output = torch.func.functional_call(NET, theta, (X[part],))
    return nn.functional.binary_cross_entropy_with_logits(output, Y[part], reduction="none").sum(1).mean()


FORGET, RETAIN = slice(0, 10), slice(10, 40)


def gradient(part: slice) -> Vector:
    return dict(torch.func.grad(loss)(THETA, part))


def order_of_retain_change(d: Vector) -> float:
    """p in ``|L_r(theta + h d) - L_r(theta)| ~ h^p``, from halving a small step."""
    d, before = scale(d, 1 / norm(d)), float(loss(THETA, RETAIN))
    change = [abs(float(loss(add_scaled(THETA, h, d), RETAIN)) - before) for h in (2e-3, 1e-3)]
    return log2(change[0] / change[1])


def fisher_geometry() -> Geometry:
    with torch.no_grad():
        p = torch.sigmoid(NET(X[RETAIN]))
    return _fisher.ekfac(NET, X[RETAIN], p - torch.bernoulli(p, generator=generator(3))).inverse(0.1)


@pytest.mark.parametrize("geometry", [Euclidean(), fisher_geometry()], ids=["euclidean", "fisher"])
def test_with_surgery_the_retain_loss_moves_quadratically(geometry):
    p = project_out(gradient(FORGET), [gradient(RETAIN)], geometry)
    assert order_of_retain_change(p.direction) == pytest.approx(2.0, abs=0.05)
    assert 0 < p.surviving < 1


@pytest.mark.parametrize("geometry", [Euclidean(), fisher_geometry()], ids=["euclidean", "fisher"])
def test_without_surgery_it_moves_linearly(geometry):
    raw = geometry.apply(gradient(FORGET))
    assert order_of_retain_change(raw) == pytest.approx(1.0, abs=0.05)


def test_the_forget_loss_rises_by_the_surviving_share():
    g_f, g_r = gradient(FORGET), gradient(RETAIN)
    p, h = project_out(g_f, [g_r]), 1e-5
    rise = float(loss(add_scaled(THETA, h, p.direction), FORGET) - loss(THETA, FORGET))
    assert rise == pytest.approx(h * norm(g_f) ** 2 * p.surviving, rel=1e-3)  # eta |g_f|^2 (1 - cos^2)


def test_the_retain_price_is_the_curvature_term():
    d = project_out(gradient(FORGET), [gradient(RETAIN)]).direction
    value, g, Hd = hessian_vector_product(lambda p: loss(p, RETAIN), THETA, d)
    predicted, h = parabola(g, Hd, d), 1e-2
    assert predicted.slope == pytest.approx(0.0, abs=1e-12)
    realised = float(loss(add_scaled(THETA, h, d), RETAIN) - value)
    assert realised == pytest.approx(predicted.change(h), rel=0.02)


def test_the_fisher_geometry_moves_the_forget_loss_more_at_the_same_retain_price():
    gain = {}
    for name, geometry in {"euclidean": Euclidean(), "fisher": fisher_geometry()}.items():
        d = project_out(gradient(FORGET), [gradient(RETAIN)], geometry).direction
        _, g, Hd = hessian_vector_product(lambda p: loss(p, RETAIN), THETA, d)
        step = parabola(g, Hd, d).step_for(1e-4)
        assert step is not None
        gain[name] = float(loss(add_scaled(THETA, step, d), FORGET) - loss(THETA, FORGET))
    assert gain["fisher"] > 1.2 * gain["euclidean"]
