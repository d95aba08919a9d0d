from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

import tiny_world
from gsu_cli.errors import NonFiniteError
from gsu_cli.objectives import posteriors
from gsu_cli.objectives.frozen_elbo import frozen_elbo
from gsu_cli.objectives.posteriors import encoder_at_rest, posterior
from gsu_cli.run.seeds import generator
from gsu_cli.surgery.streaming import accumulate_gradient
from gsu_cli.surgery.vectors import norm
from gsu_cli.unlearning.images import first
from gsu_cli.unlearning.weights import add_


@pytest.fixture(scope="module")
def model():
    return tiny_world.trained()


@pytest.fixture(scope="module")
def images():
    return tiny_world.split().retain_images[torch.arange(90)]


def decoder_of(model):
    return {k: p.detach().clone() for k, p in model.named_parameters() if k.startswith("decoder.")}


def moved(model):
    """Another decoder: the latents must not depend on it."""
    other = copy.deepcopy(model)
    g = torch.Generator().manual_seed(0)
    add_(other, {k: torch.randn(p.shape, generator=g) for k, p in decoder_of(other).items()}, 0.05)
    return other


@pytest.mark.parametrize("change", [lambda m: m, moved], ids=["at the start", "after a step"])
def test_is_the_models_own_loss_under_the_same_noise(model, images, change):
    frozen, there = frozen_elbo(model, images, seed=3), change(model)
    with torch.no_grad():
        own = there.loss(images.floats(), None, generator(3, "latents")).double().mean()
    assert frozen.mean(decoder_of(there)) == pytest.approx(float(own), rel=1e-6)


def test_several_latents_are_the_models_own_loss_on_repeated_images(model, images):
    frozen, there = frozen_elbo(model, images, seed=3, latents=3), moved(model)
    with torch.no_grad():
        own = there.loss(images.floats().repeat(3, 1, 1, 1), None, generator(3, "latents")).double()
    assert frozen.mean(decoder_of(there)) == pytest.approx(float(own.mean()), rel=1e-6)
    first, second, _ = own.split(len(images))
    assert float(first.mean()) != pytest.approx(float(second.mean()), rel=1e-5), "other noise"


def test_sites_of_one_image_share_its_pixels(model, images):
    sites = frozen_elbo(model, images, seed=3, latents=2).sites
    assert len(sites) == 2 * len(images)
    assert sites.targets.data_ptr() == images.pixels.data_ptr()
    twice = images.pixels.repeat(2, 1, 1, 1)
    for part in (slice(0, 7), slice(80, 100), slice(90, 97), slice(170, 999), torch.tensor([0, 91, 5])):
        assert torch.equal(sites[part].targets, twice[part])
        assert len(sites[part]) == len(sites[part].inputs[0]) == len(twice[part])


def test_first_images_of_others_pass_the_encoder_no_second_time(model, images, monkeypatch):
    monkeypatch.setattr(posteriors, "AT_ONCE", 20)
    seen, through = [], type(model).posterior
    anew = posterior(model, first(images, 50))
    monkeypatch.setattr(type(model), "posterior", lambda self, x: seen.append(len(x)) or through(self, x))
    with encoder_at_rest():
        whole = posterior(model, images)
        seen.clear()
        some = posterior(model, first(images, 50))
        assert seen == [10], "whole passes are known"
        posterior(model, images[torch.arange(50)])
        assert sum(seen) == 10 + 50, "the negative control: a copy of them is not"
        told = replace(first(images, 50), labels=images.labels[:50] + 1)
        posterior(model, told)
        assert sum(seen) == 10 + 50 + 50, "nor are they under other conditions"
    for part, alone, of in zip(some, anew, whole, strict=True):
        assert torch.equal(part, alone)
        assert torch.equal(part[:40], of[:40])


def test_gradient_agrees_with_a_naive_one_in_float64(model, images):
    frozen = frozen_elbo(model, images, seed=3)
    found = accumulate_gradient(frozen.blocks(size=32), decoder_of(model))

    naive = copy.deepcopy(model).double()
    x = images.floats().double()
    mean, log_var = naive.posterior_head(naive.encoder(x)).chunk(2, 1)
    noise = torch.randn(mean.shape, generator=generator(3, "latents"))  # float32, as the model draws it
    output = naive.decoder(mean + (0.5 * log_var).exp() * noise)
    nll = F.binary_cross_entropy(output.sigmoid(), x, reduction="sum")
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum()
    loss = (nll + kl) / len(x)
    loss.backward()

    assert found.loss == pytest.approx(loss.item(), rel=1e-6)
    assert found.n == 90
    g = {k: p.grad for k, p in naive.named_parameters() if k.startswith("decoder.")}
    assert found.vector.keys() == g.keys()
    gap = {k: found.vector[k].double() - g[k] for k in g}
    assert norm(gap) < 1e-5 * norm(g)


def test_part_of_the_decoder_will_do(model, images):
    frozen, theta = frozen_elbo(model, images, seed=0), decoder_of(model)
    last = {k: theta[k] for k in list(theta)[-2:]}
    assert frozen.mean(last) == frozen.mean(theta)


def test_noise_is_fixed_by_the_seed(model, images):
    theta = decoder_of(model)
    a, b, c = (frozen_elbo(model, images, seed=s).mean(theta) for s in (0, 0, 1))
    assert a == b
    assert a != c


def test_a_loss_that_is_not_finite_is_named(model, images):
    theta = {k: torch.full_like(v, float("nan")) for k, v in decoder_of(model).items()}
    with pytest.raises(NonFiniteError, match="retain loss must stay finite"):
        frozen_elbo(model, images, seed=0).mean(theta)
    with pytest.raises(NonFiniteError, match="the forget loss must stay finite"):
        frozen_elbo(model, images, seed=0, what="the forget loss").mean(theta)
