from __future__ import annotations

import pytest
import torch

from gsu_cli.surgery.second_order import Parabola, hessian_vector_product, parabola
from gsu_cli.surgery.vectors import Vector, add_scaled, dot

from . import _asserts, _samplers


def loss(p: Vector) -> torch.Tensor:
    """Smooth, not convex, with every pair of parameters coupled."""
    hidden = torch.tanh(p["w"] @ torch.linspace(-1, 1, 3, dtype=p["w"].dtype) + p["b"])
    return (hidden.exp().sum() + (p["v"] ** 3).sum()) * torch.cos(p["v"].sum())


def gradient(p: Vector) -> Vector:
    leaves = {k: x.clone().requires_grad_() for k, x in p.items()}
    g = torch.autograd.grad(loss(leaves), list(leaves.values()))
    return dict(zip(leaves, g, strict=True))


def test_the_product_equals_finite_differences():
    theta, v, h = _samplers.vector(1), _samplers.vector(2), 1e-5
    value, g, Hv = hessian_vector_product(loss, theta, v)
    up, down = gradient(add_scaled(theta, h, v)), gradient(add_scaled(theta, -h, v))
    _asserts.assert_close(Hv, {k: (up[k] - down[k]) / (2 * h) for k in up}, 1e-7)
    _asserts.assert_close(g, gradient(theta), 1e-14)
    assert float(value) == pytest.approx(float(loss(theta)))


def test_it_equals_the_dense_hessian():
    theta, v = _samplers.vector(1), _samplers.vector(2)
    H = torch.func.jacrev(torch.func.jacrev(loss))(theta)
    expected = {k: sum(torch.tensordot(H[k][j], v[j], v[j].dim()) for j in v) for k in theta}
    _asserts.assert_close(hessian_vector_product(loss, theta, v)[2], expected, 1e-12)


def test_the_hessian_is_symmetric():
    theta, u, v = _samplers.vector(1), _samplers.vector(2), _samplers.vector(3)
    Hu, Hv = (hessian_vector_product(loss, theta, x)[2] for x in (u, v))
    assert dot(u, Hv) == pytest.approx(dot(v, Hu))


def test_the_prediction_is_right_to_third_order():
    theta, d = _samplers.vector(1), _samplers.vector(2)
    value, g, Hd = hessian_vector_product(loss, theta, d)
    predicted = parabola(g, Hd, d)
    error = [abs(float(loss(add_scaled(theta, h, d)) - value) - predicted.change(h)) for h in (1e-2, 1e-3)]
    assert error[0] / error[1] == pytest.approx(1000, rel=0.1)


AGAIN: list[str] = []


class Slope(torch.autograd.Function):
    """``2 x g``, which notes that it is differentiated."""

    @staticmethod
    def forward(ctx, x, g):
        ctx.save_for_backward(x, g)
        return 2 * x * g

    @staticmethod
    def backward(ctx, grad):
        x, g = ctx.saved_tensors
        AGAIN.append("differentiated")
        return 2 * g * grad, 2 * x * grad


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, grad):
        return Slope.apply(ctx.saved_tensors[0], grad)


def test_nothing_is_differentiated_again_where_the_vector_is_zero():
    def more(p: Vector) -> torch.Tensor:
        return loss(p) + Square.apply(p["square"]).sum()

    theta, v = _samplers.vector(1), _samplers.vector(2)
    one, zero = {"square": torch.ones(2, dtype=torch.float64)}, {"square": torch.zeros(2, dtype=torch.float64)}
    AGAIN.clear()
    _, g, Hv = hessian_vector_product(more, {**theta, **one}, {**v, **zero})
    assert not AGAIN
    assert (g["square"].tolist(), Hv["square"].tolist()) == ([2.0, 2.0], [0.0, 0.0])
    _asserts.assert_close({k: Hv[k] for k in v}, hessian_vector_product(loss, theta, v)[2], 1e-14)
    hessian_vector_product(more, {**theta, **one}, {**v, **one})
    assert AGAIN, "the negative control"


def test_rows_are_those_of_the_whole_product():
    theta, v = _samplers.vector(1), _samplers.vector(2)
    v = {k: x if k == "w" else torch.zeros_like(x) for k, x in v.items()}
    whole = hessian_vector_product(loss, theta, v)
    part = hessian_vector_product(loss, theta, v, ["w"])
    assert list(part[2]) == ["w"]
    assert torch.equal(part[2]["w"], whole[2]["w"])
    assert all(torch.equal(part[1][k], whole[1][k]) for k in theta)
    assert dot(part[2], {"w": v["w"]}) == dot(whole[2], v)


def test_linear_and_absent_parameters_have_no_curvature():
    v = {"w": torch.ones(2), "unused": torch.ones(1)}
    _, g, Hv = hessian_vector_product(lambda p: 3 * p["w"].sum(), v, v)
    assert (g["w"].tolist(), g["unused"].tolist()) == ([3.0, 3.0], [0.0])
    assert dot(Hv, Hv) == 0.0


@pytest.mark.parametrize(("slope", "curvature"), [(1.0, 0.0), (0.0, 2.0), (1.0, 3.0), (-1.0, 2.0), (5.0, -1.0)])
def test_step_for_inverts_change(slope, curvature):
    p = Parabola(slope, curvature)
    step = p.step_for(0.25)
    assert step is not None
    assert step > 0
    assert p.change(step) == pytest.approx(0.25)


@pytest.mark.parametrize(("slope", "curvature"), [(-1.0, 0.0), (0.0, -1.0), (0.0, 0.0), (0.5, -1.0)])
def test_a_loss_that_never_rises_so_far_has_no_step(slope, curvature):
    assert Parabola(slope, curvature).step_for(0.25) is None
