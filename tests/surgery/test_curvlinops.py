"""Two implementations of what matters: our Kronecker factors against curvlinops', product and inverse."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tiny_world
from gsu_cli.surgery.ekfac import EigenvalueBuilder
from gsu_cli.surgery.kfac import KroneckerBuilder
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.vectors import Vector, flatten, unflatten
from later import Later

curvlinops = Later("curvlinops")
N = 60
DAMPING = 0.3


def mlp() -> tuple[nn.Module, torch.Tensor, nn.Module]:
    """The decoder of the tiny world: Bernoulli pixels."""
    decoder = nn.Sequential(*list(tiny_world.trained().decoder), nn.Flatten())
    return decoder, (torch.rand(N, 64, generator=seeded(1)) > 0.5).double(), nn.BCEWithLogitsLoss(reduction="sum")


def convolutional() -> tuple[nn.Module, torch.Tensor, nn.Module]:
    """Gaussian pixels behind a strided and a padded convolution."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        decoder = nn.Sequential(
            nn.Linear(3, 2 * 64),
            nn.Unflatten(1, (2, 8, 8)),
            nn.SiLU(),
            nn.Conv2d(2, 3, 3, padding=1, stride=2),
            nn.SiLU(),
            nn.Conv2d(3, 1, 3, padding=1, bias=False),
            nn.Flatten(),
        )
    return decoder, torch.rand(N, 16, generator=seeded(1), dtype=torch.float64), nn.MSELoss(reduction="sum")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Both:
    """The same empirical Fisher, by us and by curvlinops, whose sum over samples is ``N`` times our mean."""

    def __init__(self, build, operator: str = "KFACLinearOperator") -> None:
        decoder, self.x, self.loss = build()
        self.decoder = decoder.double().eval()
        self.z = torch.randn(N, 3, generator=seeded(0), dtype=torch.float64)
        batches = [(z, x) for z, x in zip(self.z.split(25), self.x.split(25), strict=True)]
        options = {"fisher_type": "empirical", "separate_weight_and_bias": False, "check_deterministic": False}
        self.theirs = getattr(curvlinops, operator)(
            self.decoder, self.loss, list(self.decoder.parameters()), batches, **options
        )
        self.v = {
            k: torch.randn(p.shape, generator=seeded(2), dtype=torch.float64)
            for k, p in self.decoder.named_parameters()
        }

    def residual(self, part: slice):
        def of(output: torch.Tensor) -> torch.Tensor:
            with torch.enable_grad():
                leaf = output.detach().requires_grad_()
                return torch.autograd.grad(self.loss(leaf, self.x[part]), leaf)[0]

        return of

    def stream(self, builder: KroneckerBuilder | EigenvalueBuilder) -> KroneckerFisher:
        for part in (slice(0, 40), slice(40, N)):  # other batches than theirs: neither may matter
            builder.accumulate(self.z[part], self.residual(part))
        return builder.finish()

    def ours(self) -> KroneckerFisher:
        return self.stream(KroneckerBuilder(self.decoder))

    def back(self, flat: torch.Tensor) -> Vector:
        return unflatten(flat, self.v)


@pytest.mark.parametrize("build", [mlp, convolutional])
def test_kfac_is_curvlinops_kfac(build) -> None:
    both = Both(build)
    expected = both.back(both.theirs @ flatten(both.v) / N)
    found = both.ours().apply(both.v)
    for k, v in expected.items():
        torch.testing.assert_close(found[k], v, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("build", [mlp, convolutional])
def test_the_damped_inverse_is_curvlinops_with_exact_damping(build) -> None:
    both = Both(build)
    inverse = curvlinops.KFACInverseLinearOperator(both.theirs, damping=DAMPING * N, use_exact_damping=True)
    expected = both.back(inverse @ flatten(both.v) * N)
    found = both.ours().inverse(DAMPING, relative=False).apply(both.v)
    for k, v in expected.items():
        torch.testing.assert_close(found[k], v, rtol=1e-7, atol=1e-9)


def test_ekfac_is_curvlinops_ekfac() -> None:
    both = Both(mlp, "EKFACLinearOperator")
    ours = both.ours()
    found = both.stream(EigenvalueBuilder(both.decoder, ours)).apply(both.v)
    expected = both.back(both.theirs @ flatten(both.v) / N)
    for k, v in expected.items():
        torch.testing.assert_close(found[k], v, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(found["0.weight"], ours.apply(both.v)["0.weight"], rtol=1e-2)  # the correction corrects
