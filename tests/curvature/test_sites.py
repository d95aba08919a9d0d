"""Curvature over sites: the same sums for every family, against one site at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_conditional
import tiny_diffusion
import tiny_gan
import tiny_world
from gsu_cli.curvature.blocks import passes
from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.curvature.gauss_newton import site_gauss_newton
from gsu_cli.errors import UsageError
from gsu_cli.gradients import parameters
from gsu_cli.models.decoders import prefix_of, site_maker
from gsu_cli.models.protocols import HasImageSites
from gsu_cli.models.sites import Sites
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.vectors import Vector, dot

FAMILIES: dict[str, Any] = {
    "VAE": tiny_world.trained, "diffusion": tiny_diffusion.trained, "GAN": tiny_gan.taught,
}  # fmt: skip


def sites_of(model: Any, n: int) -> Sites:
    """Sites at which the output is wrong."""
    maker, g = site_maker(model), torch.Generator().manual_seed(0)
    if isinstance(maker, HasImageSites):
        return maker.sites(tiny_world.dataset().train.floats(torch.arange(n)), None, g)
    noise = model.noise(n, g)
    return Sites((noise,), model.generate(noise).detach().flip(0))


def each(model: Any, sites: Sites) -> list[Vector]:
    """The gradient of each site's loss, by one backward pass each."""
    loss, found = SiteLoss(model, sites), list[Vector]()
    theta = {k: v.clone().requires_grad_() for k, v in parameters(model, model.generation_parameters()).items()}
    for i in range(len(sites)):
        (f,) = SiteLoss(model, sites[i : i + 1]).blocks()
        found.append(dict(zip(theta, torch.autograd.grad(f(theta).sum(), list(theta.values())), strict=True)))
    assert len(loss) == len(found)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_the_diagonal_is_the_mean_of_squares(family: str) -> None:
    model = FAMILIES[family]()
    sites = sites_of(model, 6)
    found, gradients = diagonal_fisher(model, sites, seed=0), each(model, sites)
    assert found.keys() == gradients[0].keys()
    for k, v in found.items():
        expected = torch.stack([g[k].square() for g in gradients]).mean(0)
        torch.testing.assert_close(v, expected, rtol=2e-3, atol=1e-5 * float(expected.max()) + 1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_gauss_newton_is_the_mean_square_of_the_outputs_change(family: str) -> None:
    """v.G v = mean_i (J_i v).H (J_i v), with H of a squared error 2 / d and of a Bernoulli p (1 - p)."""
    model = FAMILIES[family]()
    maker, sites = site_maker(model), sites_of(model, 5)
    theta = parameters(model, model.generation_parameters())
    prefix, g = prefix_of(model, maker.network), torch.Generator().manual_seed(1)
    v = {k: torch.randn(p.shape, generator=g) for k, p in theta.items()}

    def outputs(own: Vector) -> torch.Tensor:
        return torch.func.functional_call(maker.network, own, sites.inputs)

    short = {k.removeprefix(prefix): p for k, p in theta.items()}
    tangent = {k.removeprefix(prefix): x for k, x in v.items()}
    y, Jv = torch.func.jvp(outputs, (short,), (tangent,))
    p = torch.sigmoid(y)
    H = p * (1 - p) if family == "VAE" else torch.full_like(y, 2 / y[0].numel())
    expected = float((Jv.square() * H).flatten(1).sum(1).double().mean())
    assert dot(v, site_gauss_newton(model, theta, sites)(v)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_trace_of_the_factors_is_that_of_the_fisher_at_the_output(family: str) -> None:
    """Of the last bias the gradient is the sum of pseudo-gradients: its K-FAC is exact in expectation."""
    model = FAMILIES[family]()
    sites = sites_of(model, 60)
    bias = model.generation_parameters()[-1]
    found = kronecker_fisher(model, sites, [bias], seed=0)
    (layer,) = found.layers
    exact = diagonal_fisher(model, Sites(sites.inputs, sites.targets), seed=0, targets="model")[bias]
    assert float(layer.eigenvalues.sum()) == pytest.approx(float(exact.sum()), rel=0.35)
    assert found.n == 60


def test_sites_can_be_split_indexed_and_joined() -> None:
    sites = Sites((torch.arange(5.0), torch.arange(5)), torch.arange(5.0), torch.ones(5))
    parts = list(sites.split(2))
    assert [len(p) for p in parts] == [2, 2, 1]
    again = Sites.joined(parts)
    assert torch.equal(again.inputs[1], sites.inputs[1])
    assert again.constant is not None
    assert torch.equal(sites[torch.tensor([3])].targets, torch.tensor([3.0]))
    assert Sites.joined([Sites(p.inputs, p.targets) for p in parts]).constant is None


def test_a_pass_holds_no_more_than_its_network_says() -> None:
    model = tiny_diffusion.fresh()
    made = model.sites(tiny_world.dataset().train.floats(), None, torch.Generator())
    assert [len(p) for p in passes(model, made)] == [125, 125, 125, 125, 100]


def test_a_conditional_model_has_its_condition_in_the_inputs() -> None:
    model = tiny_conditional.fresh()
    x, y = torch.rand(4, *model.shape), torch.tensor([0, 1, 0, 1])
    made = site_maker(model).sites(x, y, torch.Generator())
    assert made.inputs[0].shape == (4, model.latent_dim + model.conditions)
    assert made.inputs[0][:, model.latent_dim :].argmax(1).tolist() == y.tolist()


def test_a_model_without_a_network_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a model with sites, or with posterior"):
        site_maker(torch.nn.Linear(1, 1))
