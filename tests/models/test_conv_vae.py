"""The convolutional VAE against a naive float64 one, in both memory layouts, and what its parameters move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import attribute_world
from gsu_cli.errors import UsageError
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.training.fresh import initialise
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe
from vae_checks import assert_shapes_and_protocols

CONFIGS: list[dict[str, Any]] = [
    {"shape": [3, 16, 16], "latent_dim": 5, "channels": [4, 8], "sigma": 0.2},
    {"shape": [1, 4, 12], "latent_dim": 1, "channels": [3], "sigma": 1.5},
    {"shape": [2, 8, 8], "latent_dim": 9, "channels": [2, 3, 4], "sigma": 0.05},
    {"shape": [1, 4, 8], "latent_dim": 2, "channels": [3, 2], "sigma": 0.4, "mapping": [7, 5]},
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=CONFIGS, ids=lambda c: f"{len(c['channels'])}-channels{'-mapped' if 'mapping' in c else ''}")
def model(request: pytest.FixtureRequest) -> ConvVae:
    made = ConvVae(**request.param)
    initialise(made, 1)
    return made.eval()


def pictures(model: ConvVae, n: int = 5) -> Tensor:
    return torch.rand(n, *model.shape, generator=seeded(2))


def naive_neg_elbo(model: ConvVae, x: Tensor, noise: Tensor) -> list[float]:
    """One image at a time, float64, weights in the plain layout; pixels are put in their places one by one."""
    w = {k: v.double().contiguous() for k, v in model.state_dict().items()}
    c, h, width = model.shape
    depth, out = len(model.channels), []
    for image, e in zip(x.double(), noise.double(), strict=True):
        a = image[None]
        for i in range(depth):
            name = f"encoder.{2 * i}"
            a = F.silu(F.conv2d(a, w[f"{name}.weight"], w[f"{name}.bias"], stride=2, padding=1))
        mean, log_var = (w["posterior_head.weight"] @ a.reshape(-1) + w["posterior_head.bias"]).chunk(2)
        a, flat = mean + (log_var / 2).exp() * e, 2 * len(model.mapping)
        for i in range(0, flat + 2, 2):
            a = F.silu(w[f"decoder.{i}.weight"] @ a + w[f"decoder.{i}.bias"])
        a = a.reshape(1, model.channels[-1], h // 2**depth, width // 2**depth)
        for i in range(depth - 1):
            a = a.repeat_interleave(2, 2).repeat_interleave(2, 3)
            name = f"decoder.{flat + 4 + 3 * i}"
            a = F.silu(F.conv2d(a, w[f"{name}.weight"], w[f"{name}.bias"], padding=1))
        last = f"decoder.{flat + 3 * depth}"
        a = F.conv2d(a, w[f"{last}.weight"], w[f"{last}.bias"], padding=1)[0]
        drawn = torch.stack([torch.stack([a[4 * k + 2 * (i % 2) + (j % 2), i // 2, j // 2]
                                          for i in range(h) for j in range(width)]) for k in range(c)])  # fmt: skip
        nll = ((drawn - image.reshape(c, -1)) ** 2).sum() / (2 * model.sigma**2)
        q = torch.distributions.Normal(mean, (log_var / 2).exp())
        prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        out.append(float(nll + torch.distributions.kl_divergence(q, prior).sum()))
    return out


def test_loss_is_the_naive_negative_elbo(model: ConvVae) -> None:
    x = pictures(model)
    noise = torch.randn(len(x), model.latent_dim, generator=seeded(3))
    assert model.loss(x, None, seeded(3)).tolist() == pytest.approx(naive_neg_elbo(model, x, noise), rel=1e-5)


def test_shapes_and_protocols(model: ConvVae) -> None:
    assert_shapes_and_protocols(model, pictures(model))


def test_samples_are_decoded_latents_in_range(model: ConvVae) -> None:
    drawn = model.sample(50, seeded(4))
    assert torch.equal(drawn, model.sample(50, seeded(4)))
    assert not torch.equal(drawn, model.sample(50, seeded(5)))
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_generation_depends_on_exactly_these_parameters(model: ConvVae) -> None:
    before, named = model.sample(50, seeded(4)), set(model.generation_parameters())
    assert named < {k for k, _ in model.named_parameters()}
    for name, p in model.named_parameters():
        original = p.detach().clone()
        with torch.no_grad():
            p.add_(torch.randn(p.shape, generator=seeded(6)))
        assert torch.equal(model.sample(50, seeded(4)), before) == (name not in named), name
        with torch.no_grad():
            p.copy_(original)
    assert torch.equal(model.sample(50, seeded(4)), before)


def strides(model: ConvVae) -> list[tuple[int, ...]]:
    return [p.stride() for p in model.parameters()]


@pytest.mark.parametrize("half", [False, True])
def test_a_checkpoint_rebuilds_it_to_the_bit(model: ConvVae, tmp_path: Path, half: bool) -> None:
    save_checkpoint(tmp_path / "x", model, about={}, half=half)
    once = load_checkpoint(tmp_path / "x", shape=model.shape).model
    save_checkpoint(tmp_path / "y", once, about={}, half=half)
    twice = load_checkpoint(tmp_path / "y", shape=model.shape).model
    assert once.config() == model.config()
    assert strides(once) == strides(twice) == strides(model), "the layout that it computes in"
    x, like = pictures(model), once if half else model  # half precision rounds once
    for name, value in like.state_dict().items():
        assert torch.equal(twice.state_dict()[name], value), name
    assert torch.equal(twice.sample(4, seeded()), like.sample(4, seeded()))
    assert torch.equal(twice.loss(x, None, seeded()), like.loss(x, None, seeded()))


def test_config_is_all_that_was_given() -> None:
    assert [ConvVae(**c).config() for c in CONFIGS] == [{"mapping": [], **c} for c in CONFIGS]


def test_convolutions_lie_channels_last() -> None:
    model = attribute_world.fresh()
    kernels = [p for p in model.parameters() if p.ndim == 4]
    assert len(kernels) == 4
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)


def test_training_twice_is_bit_identical() -> None:
    def once() -> dict[str, Tensor]:
        model = attribute_world.fresh()
        fit(model, attribute_world.dataset().train, Recipe(epochs=1, batch_size=100, lr=1e-2), seed=3)
        return model.state_dict()

    first, second, start = once(), once(), attribute_world.fresh().state_dict()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        assert not torch.equal(value, start[name]), name


def test_it_begins_with_grey_and_keeps_the_signal() -> None:
    model = ConvVae((3, 64, 64))
    initialise(model, 0)
    x = torch.rand(20, 3, 64, 64, generator=seeded())
    with torch.no_grad():
        mean, sd = model.posterior(x)
        drawn = model.decoder(torch.randn(20, model.latent_dim, generator=seeded(1)))
    assert mean.std(0).mean() > 0.01, "different images have different latents"
    assert 0.5 < float(sd.mean()) < 2
    assert abs(float(drawn.mean()) - 0.5) < 0.1
    assert 0.01 < float(drawn.std(0).mean()) < 0.5, "different latents are drawn differently"


def test_trained_it_samples_what_it_saw() -> None:
    model, images = attribute_world.trained(), attribute_world.dataset().heldout.floats()
    with torch.no_grad():
        again = model.decode(model.posterior(images)[0])
    level = images.mean((0, 2, 3), keepdim=True)
    assert (again - images).square().mean() < 0.4 * (images - level).square().mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": [3, 28, 28]}, "4 convolutions need height and width divisible by 16; found 28 x 28. Name fewer"),
        ({"shape": [3, 32, 24]}, "found 32 x 24"),
        ({"channels": []}, "`model.channels` must be a list of integers, at least one; found []."),
        ({"channels": [8, 0]}, "`model.channels[1]` must be an integer >= 1; found 0."),
        ({"mapping": 64}, "`model.mapping` must be a list of integers; found 64."),
        ({"mapping": [64, 0]}, "`model.mapping[1]` must be an integer >= 1; found 0."),
        ({"latent_dim": 0}, "`model.latent_dim` must be an integer >= 1; found 0."),
        ({"sigma": 0}, "`model.sigma` must be a number in (0, 10]; found 0."),
        ({"sigma": -0.1}, "`model.sigma` must be a number in (0, 10]; found -0.1."),
        ({"sigma": 10.5}, "`model.sigma` must be a number in (0, 10]; found 10.5."),
        ({"sigma": float("nan")}, "`model.sigma` must be a number in (0, 10]; found nan."),
        ({"sigma": True}, "`model.sigma` must be a number in (0, 10]; found True."),
        ({"sigma": "0.2"}, "`model.sigma` must be a number in (0, 10]; found '0.2'."),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ConvVae(**{"shape": [3, 64, 64], **options})
    assert message in str(caught.value)
