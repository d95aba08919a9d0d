"""A linear-Gaussian model against Gaussian densities, dense Hessians and brute force."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gsu_cli.data.base import Images
from gsu_cli.errors import DataError, UsageError
from gsu_cli.gradients import mean_loss
from gsu_cli.models.protocols import IMAGE_SITES, FitsExactly, HasLoss, HasPosterior
from gsu_cli.models.vae.linear_gaussian import (
    MU,
    Moments,
    W,
    divergence,
    fitted,
    least_curvature,
    mean_nll,
    without_rotation,
)
from gsu_cli.models.vae.ppca import Ppca
from gsu_cli.surgery.vectors import flatten, unflatten
from gsu_cli.training.closed_form import fit_exactly

SIGMA, Q = 0.1, 3


def images(n: int = 300, seed: int = 0) -> Images:
    """16 pixels of few strong directions, and noise."""
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(5, 16, generator=rng) * torch.tensor([3.0, 2.0, 1.5, 0.7, 0.4])[:, None]
    x = 0.5 + 0.06 * (torch.randn(n, 5, generator=rng) @ mixing) + 0.05 * torch.randn(n, 16, generator=rng)
    return Images((x.clamp(0, 1) * 255).round().to(torch.uint8).reshape(n, 1, 4, 4), torch.zeros(n, dtype=torch.int64))


def trained(n: int = 300) -> Ppca:
    model = Ppca((1, 4, 4), latent_dim=Q, sigma=SIGMA)
    fit_exactly(model, images(n))
    return model.eval()


def moments(n: int = 300) -> Moments:
    return Moments.of([images(n).floats()])


def test_the_loss_is_the_density_of_a_gaussian() -> None:
    model, x = trained(), images().floats()[:20]
    theta = model.theta
    C = theta[W] @ theta[W].T + SIGMA**2 * torch.eye(16, dtype=torch.float64)
    density = torch.distributions.MultivariateNormal(theta[MU], C).log_prob(x.flatten(1).double())
    constant = 8 * torch.log(torch.tensor(2 * torch.pi * SIGMA**2, dtype=torch.float64))
    found = model.loss(x, None, torch.Generator())
    torch.testing.assert_close(found.double(), -density - constant, rtol=1e-4, atol=1e-3)
    assert float(mean_nll(theta, moments(), SIGMA)) == pytest.approx(mean_loss(model, images(), seed=0), rel=1e-4)


def test_no_weights_are_better_than_the_fitted_ones() -> None:
    theta, known = fitted(moments(), Q, SIGMA), moments()
    least = mean_nll(theta, known, SIGMA)
    for seed in range(20):
        rng = torch.Generator().manual_seed(seed)
        step = {k: 0.05 * torch.randn(v.shape, generator=rng, dtype=torch.float64) for k, v in theta.items()}
        assert mean_nll({k: v + step[k] for k, v in theta.items()}, known, SIGMA) > least
    gradient = torch.func.grad(lambda p: mean_nll(p, known, SIGMA))(theta)
    assert float(flatten(gradient).norm()) < 1e-10


def test_the_posterior_is_that_of_the_joint_gaussian() -> None:
    """E[z | x] = W^T C^-1 (x - mu), Cov = I - W^T C^-1 W: the other side of Woodbury's identity."""
    model, x = trained(), images().floats()[:5]
    theta = model.theta
    C = theta[W] @ theta[W].T + SIGMA**2 * torch.eye(16, dtype=torch.float64)
    K = theta[W].T @ torch.linalg.inv(C)
    mean, sd = model.posterior(x)
    torch.testing.assert_close(mean.double(), (x.flatten(1).double() - theta[MU]) @ K.T, rtol=1e-3, atol=1e-4)
    covariance = torch.eye(Q, dtype=torch.float64) - K @ theta[W]
    torch.testing.assert_close(sd[0].double(), covariance.diagonal().sqrt(), rtol=1e-3, atol=1e-5)
    assert float((covariance - torch.diag(covariance.diagonal())).abs().max()) < 1e-6, "independent after training"


def test_moments_of_what_is_left() -> None:
    x = images().floats()
    left, whole = Moments.of([x[40:]]), Moments.of([x[:100], x[100:]])
    found = whole.without(Moments.of([x[:40]]))
    assert found.n == 260
    torch.testing.assert_close(found.mean, left.mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.covariance, left.covariance, rtol=0, atol=1e-12)


def hessian(theta: dict[str, Tensor]) -> Tensor:
    known = moments()
    found: Tensor = torch.func.hessian(lambda v: mean_nll(unflatten(v, theta), known, SIGMA))(flatten(theta))
    return found


def test_the_least_curvature_is_the_smallest_eigenvalue_but_for_rotations() -> None:
    theta = fitted(moments(), Q, SIGMA)
    e = torch.linalg.eigvalsh(hessian(theta))
    rotations = Q * (Q - 1) // 2
    assert float(e[rotations - 1].abs()) < 1e-8 < float(e[rotations])
    assert least_curvature(moments(), Q, SIGMA) == pytest.approx(float(e[rotations]), rel=1e-6)


def test_without_rotation_is_a_projection_off_what_changes_nothing() -> None:
    theta = fitted(moments(), Q, SIGMA)
    theta = {**theta, W: theta[W] @ torch.tensor([[1.0, 0.2, 0.0], [0.0, 1.0, 0.3], [0.1, 0.0, 1.0]]).double()}
    A = torch.tensor([[0.0, 1.0, -2.0], [-1.0, 0.0, 0.5], [2.0, -0.5, 0.0]]).double()
    turn = {W: theta[W] @ A, MU: torch.zeros(16).double()}
    assert float(flatten(without_rotation(theta, turn)).norm()) < 1e-10
    v = {k: torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype) for k, x in theta.items()}
    once = without_rotation(theta, v)
    torch.testing.assert_close(flatten(without_rotation(theta, once)), flatten(once))
    assert abs(float((once[W] * turn[W]).sum())) < 1e-10


def test_divergence_is_that_of_two_gaussians() -> None:
    p, q = fitted(moments(), Q, SIGMA), fitted(Moments.of([images(200, seed=4).floats()]), Q, SIGMA)

    def gaussian(theta: dict[str, Tensor]) -> torch.distributions.MultivariateNormal:
        return torch.distributions.MultivariateNormal(
            theta[MU], theta[W] @ theta[W].T + SIGMA**2 * torch.eye(16).double()
        )

    wanted = float(torch.distributions.kl_divergence(gaussian(p), gaussian(q)))
    assert divergence(p, q, SIGMA) == pytest.approx(wanted, rel=1e-8)
    assert divergence(p, p, SIGMA) == 0


def test_what_it_is_and_what_it_refuses() -> None:
    model = trained()
    assert isinstance(model, FitsExactly)
    assert isinstance(model, HasLoss)
    assert isinstance(model, HasPosterior)
    assert isinstance(model, IMAGE_SITES)
    assert model.sample(3, torch.Generator().manual_seed(0)).shape == (3, 1, 4, 4)
    again = Ppca(**model.config())
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.theta[W], model.theta[W])
    with pytest.raises(UsageError, match="`model.latent_dim` must be below the number of pixels, 16; found 16"):
        Ppca((1, 4, 4), latent_dim=16)
    with pytest.raises(DataError, match="at least one image"):
        fit_exactly(model, images()[torch.arange(0)])
