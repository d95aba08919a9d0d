"""Of large images the redirect loss at the start is known when their targets are: the same as by a pass of its own."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.data.base import Images
from gsu_cli.gradients import parameters
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.local import local
from gsu_cli.solvers.bookkeeping import NEAR, differenced, quadratic
from gsu_cli.surgery.vectors import norm, scale


@pytest.fixture
def model() -> ConvVae:
    torch.manual_seed(0)
    return ConvVae((3, 64, 64), 6, (4, 8), mapping=(12,)).eval()


def images(n: int, seed: int) -> Images:
    pixels = torch.randint(0, 256, (n, 3, 64, 64), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return Images(pixels, torch.zeros(n, dtype=torch.int64))


def test_the_redirect_loss_comes_with_the_targets(model: ConvVae) -> None:
    goal = local(model, images(110, 1), images(120, 2), seed=0)
    theta = parameters(model, list(model.generation_parameters()))
    assert goal.start is not None
    torch.testing.assert_close(goal.start, goal.loss(model).losses(theta))


def test_two_gradients_promise_what_a_product_with_the_hessian_does(model: ConvVae) -> None:
    """A direction of one layer, as a refit's: the others are differentiated at the start alone."""
    theta = parameters(model, list(model.generation_parameters()))
    loss = frozen_elbo(model, images(40, 3), seed=0)
    rng = torch.Generator().manual_seed(1)
    moved = "decoder.2.weight"
    d = {k: torch.randn(x.shape, generator=rng) * (k == moved) for k, x in theta.items()}
    d = scale(d, 1 / norm(d))
    step = 0.1 * norm({moved: theta[moved]})
    (g, exact), (h, found) = quadratic(loss, theta, d), differenced(loss, theta, d, NEAR * step)
    assert list(g) == list(h)
    torch.testing.assert_close(h, g)
    assert found.slope == pytest.approx(exact.slope, rel=1e-4)
    assert found.change(step) == pytest.approx(exact.change(step), rel=0.02)
