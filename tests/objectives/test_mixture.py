"""Weights of points between two images: known values, and expectations that come out right."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import tiny_conditional
import tiny_diffusion
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.mixture import mixture, weights

SIGNAL, NOISE = 0.6, 0.8


class OneLevel:
    """A denoiser with one noise level that says the noise."""

    def levels(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full((len(t), 1, 1, 1), SIGNAL), torch.full((len(t), 1, 1, 1), NOISE)

    def sites(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Sites:
        eps = torch.randn(x.shape, generator=generator)
        t = torch.zeros(len(x), dtype=torch.int64)
        return Sites((SIGNAL * (2 * x - 1) + NOISE * eps, t), eps)

    def output_for(self, x_t: Tensor, t: Tensor, x_0: Tensor) -> Tensor:
        return (x_t - SIGNAL * x_0) / NOISE


def pairs(n: int, pixels: int = 1) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    y = torch.zeros(n, dtype=torch.int64)
    return (torch.full((n, 1, 1, pixels), 0.9), y), (torch.full((n, 1, 1, pixels), 0.3), y)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
def test_means_of_any_loss_are_those_under_each_image(p: float) -> None:
    kept, gone = pairs(200_000)
    made = mixture(OneLevel(), kept, gone, p, torch.Generator().manual_seed(0))
    m = made.kept.inputs[0]
    for weight, x, sites in ((made.of_kept, 0.8, made.kept), (made.of_gone, -0.4, made.gone)):
        at = weight[:, None, None, None] * torch.stack([torch.ones_like(m), m, m.square()])
        mean = SIGNAL * x
        assert at.mean((1, 2, 3, 4)).tolist() == pytest.approx([1, mean, mean**2 + NOISE**2], abs=0.02)
        # the target is the noise that leads to m from this image: standard normal under its own density
        found = weight[:, None, None, None] * torch.stack([sites.targets, sites.targets.square()])
        assert found.mean((1, 2, 3, 4)).tolist() == pytest.approx([0, 1], abs=0.02)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_weights_are_bounded_and_average_to_one(p: float) -> None:
    made = mixture(tiny_diffusion.fresh(), *images(300), p, torch.Generator().manual_seed(0))
    torch.testing.assert_close((1 - p) * made.of_kept + p * made.of_gone, torch.ones(300), rtol=0, atol=1e-5)
    assert float(made.of_kept.max()) <= 1 / (1 - p) + 1e-5
    assert float(made.of_gone.max()) <= 1 / p + 1e-5
    assert 0 < made.between() < 1


def images(n: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    g = torch.Generator().manual_seed(1)
    x = [torch.rand(n, 1, 8, 8, generator=g) for _ in range(2)]
    return (x[0], torch.ones(n, dtype=torch.int64)), (x[1], torch.full((n,), 3))


def test_a_density_is_a_product_over_pixels() -> None:
    """Of ten equal pixels the log ratio is ten times that of one; a mean over pixels would weigh all alike."""
    found: list[Any] = []
    for pixels in (1, 10):
        made = mixture(OneLevel(), *pairs(1, pixels), 0.5, torch.Generator().manual_seed(0))
        m = made.kept.inputs[0].double().flatten()
        ratio = sum(-((v - SIGNAL * 0.8) ** 2) + (v + SIGNAL * 0.4) ** 2 for v in m) / (2 * NOISE**2)
        expected = 2 / (1 + math.exp(-ratio))
        found.append(made.of_kept.item())
        assert found[-1] == pytest.approx(expected, rel=1e-4)
    assert found[0] != pytest.approx(found[1], rel=0.05)


@pytest.mark.parametrize("distance", [1e3, 1e6, math.inf])
def test_far_points_have_finite_weights(distance: float) -> None:
    w_x, w_a = weights(torch.tensor([distance, -distance], dtype=torch.float64), 0.25)
    assert w_x.tolist() == [pytest.approx(1 / 0.75), 0.0]
    assert w_a.tolist() == [0.0, pytest.approx(4.0)]


def test_both_images_lie_under_the_same_time_and_noise() -> None:
    model = tiny_diffusion.fresh(prediction="eps")
    kept, _ = images(50)
    made = mixture(model, kept, kept, 0.5, torch.Generator().manual_seed(0))
    assert torch.equal(made.of_kept, torch.ones(50))
    assert torch.equal(made.kept.targets, made.gone.targets)


def test_latents_of_a_decoder_are_weighed_by_the_posteriors() -> None:
    model = tiny_conditional.trained()
    made = mixture(model, *images(40), 0.5, torch.Generator().manual_seed(0))
    z = made.kept.inputs[0][:, : model.latent_dim]
    (x, y), (a, y_a) = images(40)
    with torch.no_grad():
        q = [torch.distributions.Normal(*model.posterior(i, c)) for i, c in ((x, y), (a, y_a))]
    log = [d.log_prob(z).sum(1) for d in q]
    torch.testing.assert_close(made.of_kept, 2 * torch.sigmoid(log[0] - log[1]), rtol=1e-4, atol=1e-5)
    assert made.told
    assert not torch.equal(made.kept.inputs[0], made.gone.inputs[0])
    assert torch.equal(made.gone.targets, a)
