"""The Gaussian likelihood: its value against torch's, and its residual's first two moments, which make the Fisher."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.models.likelihoods import Gaussian


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sigma", [0.1, 0.2, 3])
def test_nll_is_the_density_without_its_constant(sigma: float) -> None:
    output, x = torch.randn(4, 3, 2, 2, generator=seeded()), torch.rand(4, 3, 2, 2, generator=seeded(1))
    density = torch.distributions.Normal(output.double(), sigma)
    naive = -(density.log_prob(x.double()) - density.log_prob(output.double())).flatten(1).sum(1)
    torch.testing.assert_close(Gaussian(sigma).nll(output, x).double(), naive, rtol=1e-5, atol=1e-6)


def test_an_image_generated_exactly_costs_nothing_and_the_nearer_the_less() -> None:
    x = torch.rand(2, 1, 3, 3, generator=seeded())
    assert Gaussian(0.2).nll(x, x).tolist() == [0.0, 0.0]
    assert Gaussian(0.2).nll(x + 0.1, x).tolist() == pytest.approx([9 * 0.01 / 0.08] * 2, rel=1e-4)


def test_what_is_generated_lies_in_range() -> None:
    output = torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5])
    assert Gaussian(0.2).mean(output).tolist() == [0.0, 0.0, 0.25, 1.0, 1.0]


def test_the_residual_is_the_gradient_at_a_generated_image() -> None:
    gaussian, output = Gaussian(0.3), torch.randn(8, 5, generator=seeded()).requires_grad_()
    residual = gaussian.fisher_residual(output.detach(), seeded(1))
    drawn = output.detach() - 0.3**2 * residual
    (gradient,) = torch.autograd.grad(gaussian.nll(output, drawn).sum(), output)
    torch.testing.assert_close(residual, gradient)


def test_the_residual_has_mean_zero_and_the_fishers_covariance() -> None:
    """Five standard errors of 200,000 draws with a fixed generator; the Fisher of a mean is 1 / sigma^2."""
    n, sigma = 200_000, 0.5
    r = Gaussian(sigma).fisher_residual(torch.randn(n, 3, generator=seeded()), seeded(1)).double()
    assert (r.mean(0).abs() <= 5 / sigma / n**0.5).all()
    spread = torch.ones(3, 3) + torch.eye(3)  # of a product of two standard normal variables
    assert ((r.T @ r / n - torch.eye(3) / sigma**2).abs() <= 5 * spread.sqrt() / sigma**2 / n**0.5).all()


def test_the_residual_is_deterministic_by_generator() -> None:
    output = torch.zeros(3, 2)
    first = Gaussian(0.2).fisher_residual(output, seeded())
    assert torch.equal(first, Gaussian(0.2).fisher_residual(output, seeded()))
    assert not torch.equal(first, Gaussian(0.2).fisher_residual(output, seeded(1)))
