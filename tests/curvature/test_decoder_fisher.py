"""The Kronecker factors of a convolutional decoder: all parameters have some, those of the naive Fisher."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import attribute_world
from gsu_cli.curvature import blocks
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.gradients import BLOCK, block_generator
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.surgery.kronecker import KroneckerFisher


@pytest.fixture(scope="module")
def images():
    return attribute_world.dataset().train[torch.arange(60)]


@pytest.fixture(scope="module")
def fisher(images) -> KroneckerFisher:
    return kronecker_fisher(attribute_world.trained(), images, seed=0, ekfac=False)


def test_every_parameter_of_the_decoder_has_factors(fisher) -> None:
    model = attribute_world.trained()
    assert fisher.diagonal == {}
    assert sorted(fisher.names()) == sorted(model.generation_parameters())
    kinds = [type(dict(model.named_modules())[f"decoder.{layer.scope.module}"]) for layer in fisher.layers]
    assert kinds.count(nn.Conv2d) == 2
    assert kinds.count(nn.Linear) == 1
    for layer in fisher.layers:
        p, q = layer.A.shape[0], layer.G.shape[0]
        assert p * q == sum(model.get_parameter(name).numel() for name in layer.scope.own.values())
        for factor in (layer.A, layer.G):
            torch.testing.assert_close(factor, factor.T)
            assert float(torch.linalg.eigvalsh(factor).min()) > -1e-5 * float(factor.trace())


def per_sample(model: ConvVae, images, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs of the first layer and gradients of its output, in float64, one backward pass per image."""
    generator = block_generator(seed, 0)
    mean, sd = model.posterior(images.floats())
    z = (mean + sd * torch.randn(mean.shape, generator=generator)).detach()
    with torch.no_grad():
        residual = model.likelihood.fisher_residual(model.decoder(z), generator).double()
    exact = attribute_world.trained().decoder.double()
    rows = []
    for z_i, r_i in zip(z.double(), residual, strict=True):
        first = exact[0](z_i[None]).detach().requires_grad_()
        (g,) = torch.autograd.grad(exact[1:](first), first, r_i[None])
        rows.append(g[0])
    return z.double(), torch.stack(rows)


def test_the_layer_with_one_location_agrees_with_the_naive_fisher(images, fisher) -> None:
    """A = E[(z, 1)(z, 1)^T], G = E[g g^T], over images, with the same noise."""
    assert len(images) <= BLOCK
    z, g = per_sample(attribute_world.trained(), images, seed=0)
    a = torch.cat([z, torch.ones(len(z), 1, dtype=z.dtype)], 1)
    (linear,) = [layer for layer in fisher.layers if layer.scope.module == "0"]
    torch.testing.assert_close(linear.A, a.T @ a / len(a), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(linear.G, g.T @ g / len(g), rtol=1e-3, atol=1e-4 * float(linear.G.diagonal().mean()))


def test_large_images_pass_in_parts_of_the_same_latents(images, fisher, monkeypatch) -> None:
    model = attribute_world.trained()
    seen: list[int] = []
    model.decoder.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    monkeypatch.setattr(blocks, "VALUES", 16 * images[torch.arange(1)].pixels.numel())
    parted = kronecker_fisher(model, images, seed=0, ekfac=False)
    assert seen == [16, 16, 16, 12]
    assert parted.n == fisher.n == 60
    for whole, part in zip(fisher.layers, parted.layers, strict=True):
        if whole.scope.module == "0":  # convolutions see other locations
            torch.testing.assert_close(part.A, whole.A, rtol=1e-5, atol=1e-6)
        assert part.G.trace() == pytest.approx(float(whole.G.trace()), rel=0.3), "targets are drawn anew, part by part"


def test_corrected_eigenvalues_are_mean_squares_of_per_sample_gradients(images, fisher) -> None:
    corrected = kronecker_fisher(attribute_world.trained(), images, seed=0, ekfac=True)
    z, g = per_sample(attribute_world.trained(), images, seed=0)
    a = torch.cat([z, torch.ones(len(z), 1, dtype=z.dtype)], 1)
    (layer,) = [layer for layer in corrected.layers if layer.scope.module == "0"]
    naive = ((g @ layer.U_G)[:, :, None] * (a @ layer.U_A)[:, None, :]).square().mean(0)
    torch.testing.assert_close(layer.eigenvalues, naive, rtol=1e-2, atol=1e-3 * float(naive.mean()))
    trace = sum(float(g_i @ g_i) * float(a_i @ a_i) for g_i, a_i in zip(g, a, strict=True)) / len(g)
    assert float(layer.eigenvalues.sum()) == pytest.approx(trace, rel=1e-3)


def test_the_memory_layout_does_not_matter(images, fisher) -> None:
    plain = attribute_world.trained().to(memory_format=torch.contiguous_format)
    again = kronecker_fisher(plain, images, seed=0, ekfac=False)
    for one, other in zip(fisher.layers, again.layers, strict=True):
        torch.testing.assert_close(one.A, other.A, rtol=1e-3, atol=1e-4 * float(one.A.diagonal().mean()))
        torch.testing.assert_close(one.G, other.G, rtol=1e-3, atol=1e-4 * float(one.G.diagonal().mean()))


def test_a_step_in_its_geometry_keeps_the_layout_of_the_weights(fisher) -> None:
    model = attribute_world.trained()
    v = {k: p.detach() for k, p in model.named_parameters() if k.startswith("decoder.")}
    moved = fisher.inverse(0.3, damping_scope="layer").apply(v)
    there_and_back = {k: x.double() for k, x in fisher.apply(moved).items()}
    for layer in fisher.layers:
        mean = float(layer.eigenvalues.mean())
        for name in layer.scope.own.values():
            # (F + lambda I) (F + lambda I)^-1 v = v
            whole = there_and_back[name] + 0.3 * mean * moved[name].double()
            torch.testing.assert_close(whole, v[name].double(), rtol=1e-3, atol=1e-4)
