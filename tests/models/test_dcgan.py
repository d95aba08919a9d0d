"""The GAN: losses against their formulas, training with two optimisers, resuming, and bad options."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import tiny_gan
import tiny_world
from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.models.decoders import check_maps_noise
from gsu_cli.models.gan.dcgan import Dcgan
from gsu_cli.models.gan.networks import penalty
from gsu_cli.models.protocols import HasLatents, HasLoss, HasPosterior, HasSites, MapsNoise, Trainable
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe


def test_its_capabilities() -> None:
    model = tiny_gan.fresh()
    assert isinstance(model, HasLatents)
    assert isinstance(model, HasSites)
    assert isinstance(model, Trainable)
    assert not isinstance(model, HasLoss)
    assert not isinstance(model, HasPosterior)


def test_the_default_size() -> None:
    model = Dcgan((1, 28, 28))
    sizes = [sum(p.numel() for p in part.parameters()) for part in (model.network, model.discriminator)]
    assert 200_000 < sizes[0] < 300_000
    assert sum(sizes) < 500_000
    assert Dcgan((3, 32, 32)).sample(2, torch.Generator().manual_seed(0)).shape == (2, 3, 32, 32)


def test_the_losses_are_the_published_ones() -> None:
    """Relativistic pairs, R1 and R2 of images in [-1, 1], in float64 and by finite differences."""
    model = tiny_gan.fresh(gamma=0.7).double()
    x = tiny_world.dataset().train.floats(torch.arange(5)).double()
    generator = torch.Generator().manual_seed(3)
    critic, generators = model.losses(x, torch.zeros(5), generator)
    z = model.noise(5, torch.Generator().manual_seed(3))
    real, drawn = 2 * x - 1, 2 * model.network(z).detach() - 1

    def steepness(images: torch.Tensor) -> torch.Tensor:
        found = []
        for image in images:
            rows = []
            for i in range(image.numel()):
                e = torch.zeros(image.numel(), dtype=torch.float64)
                e[i] = 1e-5
                e = e.view_as(image)
                up, down = (float(model.discriminator((image + s * e)[None]).detach()) for s in (1, -1))
                rows.append((up - down) / 2e-5)
            found.append(torch.tensor(rows, dtype=torch.float64).square().sum())
        return torch.stack(found)

    gap = model.discriminator(drawn) - model.discriminator(real)
    expected = (F.softplus(gap) + 0.35 * (steepness(real) + steepness(drawn))).mean()
    torch.testing.assert_close(critic.detach(), expected.detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(generators.detach(), F.softplus(-gap).mean().detach(), rtol=1e-4, atol=1e-6)


def test_a_penalty_can_be_differentiated() -> None:
    x = torch.randn(3, 1, 8, 8, requires_grad=True)
    model = tiny_gan.fresh()
    (g,) = torch.autograd.grad(penalty(model.discriminator(x), x).sum(), [model.discriminator.layers[0].weight])
    assert float(g.abs().max()) > 0


def test_each_optimiser_moves_its_own_network() -> None:
    model = tiny_gan.fresh()
    parts = [{id(p) for g in o.param_groups for p in g["params"]} for o in model.optimisers(Recipe(1, 50, 1e-3))]
    assert not parts[0] & parts[1]
    assert sum(map(len, parts)) == len(list(model.parameters()))
    before = tiny_world.weights(model)
    fit(model, tiny_world.dataset().train, Recipe(1, 200, 1e-3), seed=0)
    after = tiny_world.weights(model)
    assert all(not torch.equal(before[k], after[k]) for k in before)


def test_training_goes_on_bit_identically(tmp_path: Path) -> None:
    """Both optimisers, the schedules and the average come back from the file."""
    recipe, images = Recipe(3, 200, 1e-3, ema=0.9), tiny_world.dataset().train
    whole, parted = tiny_gan.fresh(), tiny_gan.fresh()
    fit(whole, images, recipe, seed=4)
    state = tmp_path / "state.safetensors"

    def stop(progress: Any) -> None:
        if progress.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(parted, images, recipe, seed=4, state=state, on_progress=stop)
    again = tiny_gan.fresh(seed=9)
    history = fit(again, images, recipe, seed=4, state=state)
    assert history.resumed_at_epoch == 2
    assert tiny_world.same(tiny_world.weights(whole), tiny_world.weights(again))


def test_what_it_samples_is_the_averaged_generator_of_bars() -> None:
    model = tiny_gan.trained()
    with torch.no_grad():
        drawn = model.sample(300, torch.Generator().manual_seed(0))
    assert drawn.shape == (300, 1, 8, 8)
    assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
    real = tiny_world.dataset().train.floats()
    nearest = torch.cdist(drawn.flatten(1), real.flatten(1)).min(1).values.mean()
    noise = torch.rand(300, 64, generator=torch.Generator().manual_seed(1))
    nothing = torch.cdist(noise, real.flatten(1)).min(1).values.mean()
    assert float(nearest) < 0.8 * float(nothing), "nearer to real bars than noise is"


def test_the_network_generates_at_its_noise() -> None:
    model = tiny_gan.fresh()
    z = model.noise(7, torch.Generator().manual_seed(0))
    assert isinstance(model, MapsNoise)
    assert torch.equal(model.output_loss.mean(model.network(z)), model.generate(z))
    check_maps_noise(model)
    copy.deepcopy(model)


def test_images_of_nan_are_named_and_not_the_class() -> None:
    model = tiny_gan.fresh()
    with torch.no_grad():
        model.network.first.weight.fill_(3e38)
    with pytest.raises(NonFiniteError, match="generated images must be finite; found nan or inf in those of Dcgan"):
        check_maps_noise(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (1, 30, 28)}, "needs images whose height and width are divisible by 4; found 30 x 28"),
        ({"gamma": -1}, "`model.gamma` must be a finite number >= 0; found -1"),
        ({"gamma": True}, "`model.gamma` must be a finite number >= 0; found True"),
        ({"channels": (8,)}, r"`model.channels` must be 2 integers; found \[8\]"),
        ({"critic": (8, 8)}, r"`model.critic` must be 3 integers; found \[8, 8\]"),
        ({"latent_dim": 0}, "`model.latent_dim` must be an integer >= 1; found 0"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Dcgan(**{"shape": (1, 28, 28), **options})
