"""Gauss-Newton products against explicit Jacobians, and the subspace of conjugate gradients against dense solves."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.models.likelihoods import Bernoulli, Gaussian
from gsu_cli.surgery.gauss_newton import gauss_newton_product, krylov, output_curvature
from gsu_cli.surgery.vectors import Vector, flatten, unflatten

N, IN, OUT = 7, 3, 4


@pytest.fixture
def world():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(IN, 5), nn.SiLU(), nn.Linear(5, OUT)).double()
    theta = {k: p.detach() for k, p in net.named_parameters()}
    inputs = torch.randn(N, IN, dtype=torch.float64)

    def network(p: Vector, x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(net, p, (x,))

    return network, theta, inputs


def dense(network, theta, inputs, likelihood) -> torch.Tensor:
    """``G`` as a matrix, from the Jacobian of each sample."""
    total = 0.0
    for x in inputs:
        J = torch.autograd.functional.jacobian(lambda v, x=x: network(unflatten(v, theta), x[None])[0], flatten(theta))
        y = network(theta, x[None])[0]
        p = torch.sigmoid(y)
        H = torch.diag(p * (1 - p)) if isinstance(likelihood, Bernoulli) else torch.eye(OUT) / likelihood.sigma**2
        total = total + J.T @ H.double() @ J
    return total / len(inputs)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.7)])
@pytest.mark.parametrize("size", [1, 3, N])
def test_the_product_is_that_of_the_explicit_matrix(world, likelihood, size):
    network, theta, inputs = world
    v = {k: torch.randn_like(x) for k, x in theta.items()}
    H = output_curvature(likelihood.nll, likelihood.mean)
    found = flatten(gauss_newton_product(network, inputs.split(size), H, theta, v))
    assert torch.allclose(found, dense(network, theta, inputs, likelihood) @ flatten(v), rtol=1e-6, atol=1e-9)


def quadratic(seed: int, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Vector]:
    g = torch.Generator().manual_seed(seed)
    A, B = (torch.randn(n, n, generator=g, dtype=torch.float64) for _ in range(2))
    like = {"a": torch.zeros(2, 2, dtype=torch.float64), "b": torch.zeros(n - 4, dtype=torch.float64)}
    return A @ A.T / n, B @ B.T / n, torch.randn(n, generator=g, dtype=torch.float64), like


def subspace(F, R, b, like, size, eps=0.1, budget=0.05):
    def times(M):
        return lambda v: unflatten(M @ flatten(v), like)

    return krylov(unflatten(b, like), times(F), times(R), dict, budget=budget, eps=eps, size=size)


def test_the_whole_space_gives_the_exact_minimiser_for_every_mu():
    F, R, b, like = quadratic(1, 8)
    found = subspace(F, R, b, like, 8)
    for mu in (0.3, 3.0, 30.0):
        exact = torch.linalg.solve(F + mu * (R + 0.1 * torch.eye(8)), b)
        assert torch.allclose(flatten(found.direction(mu)), exact, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("budget", [1e-4, 0.05, 1.0])
def test_the_multiplier_spends_the_budget(size, budget):
    F, R, b, like = quadratic(2, 8)
    found = subspace(F, R, b, like, size, budget=budget)
    d = flatten(found.direction(found.multiplier(budget)))
    assert float(0.5 * d @ (R + 0.1 * torch.eye(8)) @ d) == pytest.approx(budget, rel=1e-4)


def test_a_budget_that_cannot_be_spent_leaves_the_unconstrained_minimiser():
    F, R, b, like = quadratic(3, 6)
    F = F + torch.eye(6)
    found = subspace(F, R, b, like, 6, budget=1e9)
    d = flatten(found.direction(found.multiplier(1e9)))
    assert torch.allclose(d, torch.linalg.solve(F, b), rtol=1e-3, atol=1e-5)


def test_a_larger_subspace_never_does_worse_at_one_price():
    F, R, b, like = quadratic(4, 8)

    def model(size):
        found = subspace(F, R, b, like, size)
        d = flatten(found.direction(2.0))
        return float(-b @ d + 0.5 * d @ (F + 2 * (R + 0.1 * torch.eye(8))) @ d)

    values = [model(size) for size in range(1, 9)]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(values))
    assert values[-1] < values[0]


def test_a_solved_problem_ends_early():
    like = {"a": torch.zeros(3, dtype=torch.float64)}
    found = subspace(torch.eye(3).double(), torch.eye(3).double(), torch.ones(3).double(), like, 3)
    assert len(found.basis) == 1


def test_nothing_and_nan_are_refused(world):
    network, theta, inputs = world
    H = output_curvature(Gaussian(1.0).nll, Gaussian(1.0).mean)
    with pytest.raises(UsageError, match="at least one sample"):
        gauss_newton_product(network, [], H, theta, theta)
    with pytest.raises(NonFiniteError, match="must be finite"):
        gauss_newton_product(network, [inputs * float("inf")], H, theta, theta)
