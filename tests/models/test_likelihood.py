"""The Bernoulli likelihood: its value against torch's, and its residual's first two moments, which make the Fisher."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gsu_cli.models.likelihoods import Bernoulli

LOGITS = torch.tensor([-3.0, -1.0, 0.0, 0.5, 2.0])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nll_is_binary_cross_entropy_summed_over_pixels() -> None:
    output = torch.randn(4, 3, 2, 2, generator=seeded())
    x = torch.rand(4, 3, 2, 2, generator=seeded(1))
    theirs = [
        F.binary_cross_entropy(torch.sigmoid(o.double()), t.double(), reduction="sum")
        for o, t in zip(output, x, strict=True)
    ]
    torch.testing.assert_close(Bernoulli().nll(output, x).double(), torch.stack(theirs), rtol=1e-6, atol=1e-6)


def test_nll_is_finite_where_probabilities_round_to_zero_and_one() -> None:
    output = torch.tensor([[200.0, -200.0]])
    assert Bernoulli().nll(output, torch.tensor([[1.0, 0.0]])).item() == 0.0
    assert Bernoulli().nll(output, torch.tensor([[0.0, 1.0]])).item() == 400.0


def test_mean() -> None:
    torch.testing.assert_close(Bernoulli().mean(LOGITS), 1 / (1 + torch.exp(-LOGITS)))


def test_the_residual_is_the_gradient_at_a_generated_image() -> None:
    output = LOGITS.expand(8, 5).clone().requires_grad_()
    residual = Bernoulli().fisher_residual(output.detach(), seeded())
    drawn = (torch.sigmoid(LOGITS) - residual).round()
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    (gradient,) = torch.autograd.grad(Bernoulli().nll(output, drawn).sum(), output)
    torch.testing.assert_close(residual, gradient)


def test_the_residual_has_mean_zero_and_the_fishers_covariance() -> None:
    """Five standard errors of 200,000 draws with a fixed generator."""
    n, p = 200_000, torch.sigmoid(LOGITS).double()
    r = Bernoulli().fisher_residual(LOGITS.expand(n, 5), seeded()).double()
    variance = p * (1 - p)
    assert (r.mean(0).abs() <= 5 * (variance / n).sqrt()).all()
    # a product of two centred variables has at most the variance of their product
    fourth = p * (1 - p) ** 4 + (1 - p) * p**4
    spread = torch.outer(variance, variance).sqrt()
    spread.diagonal().copy_((fourth - variance**2).clamp(min=0).sqrt())
    assert ((r.T @ r / n - torch.diag(variance)).abs() <= 5 * spread / n**0.5 + 1e-6).all()


def test_the_residual_is_deterministic_by_generator() -> None:
    first = Bernoulli().fisher_residual(LOGITS, seeded())
    assert torch.equal(first, Bernoulli().fisher_residual(LOGITS, seeded()))


def test_the_expected_gradient_vanishes_at_the_mean() -> None:
    """nll is linear in the target: its gradient at the mean image is the residual's expectation, zero."""
    output = LOGITS[None].clone().requires_grad_()
    target = Bernoulli().mean(output.detach())
    (gradient,) = torch.autograd.grad(Bernoulli().nll(output, target).sum(), output)
    assert gradient.abs().max() < 1e-6
