"""The bound on -log P in nats: exact where a closed form is known, above it elsewhere, one unit for all families."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.grey_levels import log_continuous_bernoulli, log_gaussian, log_mass
from gsu_cli.evaluation.variational import denoiser_bound, proposal
from gsu_cli.metrics.nll_bound import NllBound, bounds
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.models.diffusion.flow import Flow
from gsu_cli.models.likelihoods import Bernoulli, Gaussian

from .conftest import context_of

GREYS = torch.arange(256, dtype=torch.float64) / 255


@pytest.mark.parametrize("mean", [-0.5, 0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("sigma", [1e-3, 0.01, 0.3, 5.0])
def test_a_gaussian_shares_all_of_its_mass_among_the_grey_levels(mean: float, sigma: float) -> None:
    found = log_gaussian(GREYS, torch.tensor(mean, dtype=torch.float64), sigma)
    assert float(found.exp().sum()) == pytest.approx(1, abs=1e-9)
    normal = torch.distributions.Normal(torch.tensor(mean, dtype=torch.float64), sigma)
    inner = normal.cdf(GREYS[100] + 0.5 / 255) - normal.cdf(GREYS[100] - 0.5 / 255)
    if inner > 1e-12:
        assert float(found[100].exp()) == pytest.approx(float(inner), rel=1e-6)
    assert bool(torch.isfinite(found).all()), "far tails have a logarithm, too"


@pytest.mark.parametrize("logit", [-40.0, -2.0, 0.0, 1e-4, 3.0, 60.0])
def test_a_continuous_bernoulli_does_so_too(logit: float) -> None:
    found = log_continuous_bernoulli(GREYS, torch.tensor(logit, dtype=torch.float64))
    assert float(found.exp().sum()) == pytest.approx(1, abs=1e-6)
    if abs(logit) > 1:  # the density, integrated by hand
        x = torch.linspace(100 / 255 - 0.5 / 255, 100 / 255 + 0.5 / 255, 2001, dtype=torch.float64)
        density = torch.exp(logit * x) * logit / math.expm1(logit)
        assert float(found[100].exp()) == pytest.approx(float(torch.trapezoid(density, x)), rel=1e-6)


def test_a_likelihood_of_a_strange_kind_has_no_mass() -> None:
    x = torch.zeros(2, 1, 2, 2)
    assert log_mass(object(), x, x) is None
    assert log_mass(Bernoulli(), x, x).shape == (2,)  # type: ignore[union-attr]
    assert log_mass(Gaussian(0.1), x, x).shape == (2,)  # type: ignore[union-attr]


class Exact(nn.Module):
    """The network of a denoiser that knows its data: pixels N(0, spread^2) in [-1, 1]."""

    def __init__(self, model: Any, spread: float) -> None:
        super().__init__()
        self.of, self.spread = [model], spread  # a list: no submodule

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        (model,) = self.of
        a, s = model.levels(t)
        implied = a * self.spread**2 / (a**2 * self.spread**2 + s**2) * x
        found: Tensor = model.output_for(x, t, implied)
        return found


def knows(kind: str, T: int, spread: float) -> Any:
    shape = (1, 8, 8)
    more = {"channels": (8, 16), "embedding": 16, "train_steps": T, "sample_steps": 2}
    model: Any = Flow(shape, **more) if kind == "flow" else Ddpm(shape, prediction=kind, **more)
    half = torch.linspace(4.6, -4.6, T, dtype=torch.float64)  # dense in log SNR: noise of 0.01 to 0.99995
    model._noise_by(torch.sigmoid(2 * half).sqrt(), torch.sigmoid(-2 * half).sqrt())
    model.network = Exact(model, spread)
    return model.eval()


def normal_images(n: int, spread: float) -> Tensor:
    """8-bit images whose pixels are N(0, spread^2) in [-1, 1], and next to none beyond."""
    z = torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * spread
    return ((z / 2 + 0.5) * 255).round().clamp(0, 255) / 255


@pytest.mark.parametrize("kind", ["v", "eps", "flow"])
def test_of_gaussian_data_and_the_exact_denoiser_it_is_the_nll(kind: str) -> None:
    """-log P in closed form; the bound lies above it by what finitely many levels cost, and falls towards it."""
    spread, x = 0.25, normal_images(400, 0.25)
    truth = -log_gaussian(x.double(), torch.tensor(0.5).double(), spread / 2).flatten(1).sum(1)
    gaps = []
    for T in (500, 2000):
        model = knows(kind, T, spread)
        g = torch.Generator().manual_seed(1)
        found = denoiser_bound(model, x, g, times=8, clip=None)
        gap = found - truth
        gaps.append(float(gap.mean()))
        error = float(gap.std()) / len(x) ** 0.5
        assert gaps[-1] > -3 * error, "it is a bound"
        assert error < 0.02 * float(truth.mean())
    assert abs(gaps[1]) < 0.02 * float(truth.mean()), f"{gaps} of {float(truth.mean()):.1f} nats"
    assert gaps[1] < 0.6 * gaps[0]


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_a_schedule_that_ends_in_pure_noise_takes_few_looks_there(schedule: str) -> None:
    """The cosine's last step divides the SNR by 1,000 where nothing is left: it once took 97 % of all looks."""
    spread, x = 0.25, normal_images(400, 0.25)
    model: Any = Ddpm((1, 8, 8), channels=(8, 16), embedding=16, schedule=schedule)
    model.network = Exact(model, spread)
    looks = [denoiser_bound(model.eval(), x, torch.Generator().manual_seed(k), times=4, clip=None) for k in (1, 2)]
    noise = float((looks[0] - looks[1]).std()) / 2**0.5
    assert noise < 0.15 * float(looks[0].mean().abs()), "of one image, from seed to seed"
    assert abs(float((looks[0] - looks[1]).mean())) < 4 * noise * (2 / len(x)) ** 0.5


def test_a_worse_denoiser_has_a_higher_bound() -> None:
    x = normal_images(300, 0.25)
    found = [
        float(denoiser_bound(knows("v", 1000, s), x, torch.Generator().manual_seed(1), times=4, clip=None).mean())
        for s in (0.25, 0.15, 0.6)
    ]
    assert found[0] < min(found[1:]) - 1


def test_times_are_weighed_without_bias_and_lie_evenly() -> None:
    """The sampled sum is the whole sum, and of few times it varies little."""
    model = tiny_diffusion.trained()
    weight, share = proposal(model)
    assert float(share.sum()) == pytest.approx(1)
    a, s = model.signal.double(), model.noisiness.double()
    assert float(weight.sum()) == pytest.approx(float((a[0] / s[0]) ** 2 - (a[-1] / s[-1]) ** 2) / 2, rel=1e-6)
    images = tiny_world.dataset().heldout[torch.arange(40)]
    many = torch.stack([bounds(model, images, seed=k, times=4) for k in range(15)])  # type: ignore[list-item]
    few = torch.stack([bounds(model, images, seed=100 + k, times=1) for k in range(15)])  # type: ignore[list-item]
    error = (many.mean(1).var() / 15 + few.mean(1).var() / 15).sqrt()
    assert abs(float(many.mean() - few.mean())) < 4 * float(error)
    assert float(many.std(0).mean()) < 0.9 * float(few.std(0).mean()), "more times, less noise of one image"


def test_of_a_vae_it_is_the_elbo_of_the_grey_levels() -> None:
    model = tiny_world.trained()
    images = tiny_world.dataset().heldout[torch.arange(30)]
    found = bounds(model, images, seed=3, times=200)
    assert found is not None
    x = images.floats()
    with torch.no_grad():
        mean, sd = model.posterior(x)
        g = torch.Generator().manual_seed(9)
        total = torch.zeros(30, dtype=torch.float64)
        low, high = (x.double() - 0.5 / 255).clamp(min=0), (x.double() + 0.5 / 255).clamp(max=1)
        for _ in range(200):
            eta = model.decoder(mean + sd * torch.randn(mean.shape, generator=g)).double()
            density = eta * (low + high) / 2 + torch.log(eta / torch.expm1(eta))  # in the middle of each grey level
            total -= (density + torch.log(high - low)).flatten(1).sum(1) / 200
        kl = 0.5 * (mean.square() + sd.square() - 1 - 2 * sd.log()).sum(1)
    torch.testing.assert_close(found, total + kl.double(), rtol=5e-3, atol=0.5)


def test_every_subject_sees_one_noise_and_a_change_is_paired(knn: Any) -> None:
    metric, context = NllBound(images=40, times=2), context_of(tiny_world.split(), knn)
    model = tiny_diffusion.trained()
    pixels = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    rows = metric(EvaluatedModel("original", pixels, model, "a"), context)
    assert [(m.name, m.unit, m.role, m.better) for m in rows] == [
        ("nll_bound_retain", "nats, 8-bit pixels", "cost", "lower"),
        ("nll_bound_forget", "nats, 8-bit pixels", "forgetting", None),
    ]
    again = metric(EvaluatedModel("unlearned", pixels, tiny_diffusion.trained(), "b"), context)
    assert [m.value for m in again] == [m.value for m in rows]
    assert [(m.change_low, m.change_high) for m in again] == [(0.0, 0.0)] * 2
    assert rows[0].low < rows[0].value < rows[0].high  # type: ignore[operator]
    assert rows[0].n == 40


def test_what_has_none_says_why(knn: Any) -> None:
    pixels = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    split = tiny_world.split_of(sample=[4, 7])
    rows = NllBound(images=10)(EvaluatedModel("original", pixels, tiny_gan.trained(), "a"), context_of(split, knn))
    assert rows[0].reason == "Dcgan gives grey levels no probability"
    assert rows[1].reason == "no held-out image belongs to the forget set (single samples live in the training set)"
    assert NllBound()(EvaluatedModel("data", pixels), context_of(split, knn)) == []
    model = tiny_diffusion.trained()
    with torch.no_grad():
        model.network.head.bias.fill_(float("nan"))
    found = NllBound(images=10)(EvaluatedModel("original", pixels, model, "a"), context_of(tiny_world.split(), knn))
    assert [m.reason for m in found] == ["the bound is not finite"] * 2


@pytest.mark.parametrize("options", [{"images": 1}, {"times": 0}, {"images": 2.5}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"`metric\.nll_bound\.(images|times)` must be an integer"):
        NllBound(**options)


def test_a_conditional_model_is_asked_without_a_condition() -> None:
    model = tiny_diffusion.fresh(conditions=9)
    with torch.no_grad():
        model.network.condition.weight.normal_(generator=torch.Generator().manual_seed(0))
    x = tiny_world.dataset().heldout[torch.arange(10)]
    relabelled = Images(x.pixels, torch.zeros_like(x.labels))
    assert torch.equal(bounds(model, x, seed=0, times=1), bounds(model, relabelled, seed=0, times=1))  # type: ignore[arg-type]
