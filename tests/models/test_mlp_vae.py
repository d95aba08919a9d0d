"""The MLP VAE against a naive float64 one, and what its parameters move."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from vae_checks import assert_shapes_and_protocols

CONFIGS: list[dict[str, Any]] = [
    {"shape": [1, 4, 4], "latent_dim": 3, "hidden": [6, 5], "activation": "relu"},
    {"shape": [3, 2, 5], "latent_dim": 1, "hidden": [7], "activation": "silu"},
    {"shape": [1, 1, 1], "latent_dim": 9, "hidden": [4, 3, 2], "activation": "gelu"},
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=CONFIGS, ids=lambda c: f"{c['activation']}-{len(c['hidden'])}")
def model(request: pytest.FixtureRequest) -> MlpVae:
    torch.manual_seed(1)
    return MlpVae(**request.param)


def pictures(model: MlpVae, n: int = 5) -> Tensor:
    return torch.rand(n, *model.shape, generator=seeded(2))


def naive_neg_elbo(model: MlpVae, x: Tensor, noise: Tensor) -> list[float]:
    """One image, one layer, one pixel at a time, in float64."""
    act = {"relu": torch.relu, "silu": lambda a: a * torch.sigmoid(a), "gelu": torch.nn.functional.gelu}
    weights = {k: v.double() for k, v in model.state_dict().items()}

    def layer(name: str, a: Tensor) -> Tensor:
        return weights[f"{name}.weight"] @ a + weights[f"{name}.bias"]

    out = []
    for image, e in zip(x.double(), noise.double(), strict=True):
        a = image.reshape(-1)
        for i in range(len(model.hidden)):
            a = act[model.activation](layer(f"encoder.{1 + 2 * i}", a))
        mean, log_var = layer("posterior_head", a).chunk(2)
        a = mean + (log_var / 2).exp() * e
        for i in range(len(model.hidden)):
            a = act[model.activation](layer(f"decoder.{2 * i}", a))
        p = torch.sigmoid(layer(f"decoder.{2 * len(model.hidden)}", a))
        t = image.reshape(-1)
        nll = -sum(float(t_i * p_i.log() + (1 - t_i) * (1 - p_i).log()) for t_i, p_i in zip(t, p, strict=True))
        q = torch.distributions.Normal(mean, (log_var / 2).exp())
        prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        out.append(nll + float(torch.distributions.kl_divergence(q, prior).sum()))
    return out


def test_loss_is_the_naive_negative_elbo(model: MlpVae) -> None:
    x = pictures(model)
    noise = torch.randn(len(x), model.latent_dim, generator=seeded(3))
    found = model.loss(x, None, seeded(3))
    assert found.tolist() == pytest.approx(naive_neg_elbo(model, x, noise), rel=1e-5)


def test_shapes_and_protocols(model: MlpVae) -> None:
    assert_shapes_and_protocols(model, pictures(model))


def test_the_divergence_vanishes_where_the_posterior_is_the_prior(model: MlpVae) -> None:
    torch.nn.init.zeros_(model.posterior_head.weight)
    torch.nn.init.zeros_(model.posterior_head.bias)
    x = pictures(model)
    mean, sd = model.posterior(x)
    assert torch.equal(mean, torch.zeros_like(mean))
    assert torch.equal(sd, torch.ones_like(sd))
    z = torch.randn(len(x), model.latent_dim, generator=seeded(3))
    assert torch.equal(model.loss(x, None, seeded(3)), model.likelihood.nll(model.decoder(z), x))


def test_samples_are_decoded_latents_in_range(model: MlpVae) -> None:
    drawn = model.sample(50, seeded(4))
    assert torch.equal(drawn, model.sample(50, seeded(4)))
    assert not torch.equal(drawn, model.sample(50, seeded(5)))
    assert torch.equal(drawn, model.decode(torch.randn(50, model.latent_dim, generator=seeded(4))))
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_generation_depends_on_exactly_these_parameters(model: MlpVae) -> None:
    before, named = model.sample(200, seeded(4)), set(model.generation_parameters())
    assert named < {k for k, _ in model.named_parameters()}
    for name, p in model.named_parameters():
        original = p.detach().clone()
        with torch.no_grad():
            p.add_(torch.randn(p.shape, generator=seeded(6)))
        assert torch.equal(model.sample(200, seeded(4)), before) == (name not in named), name
        with torch.no_grad():
            p.copy_(original)
    assert torch.equal(model.sample(200, seeded(4)), before)


def test_a_checkpoint_rebuilds_it(model: MlpVae, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "x", model, about={})
    again = load_checkpoint(tmp_path / "x", shape=model.shape).model
    assert again.config() == model.config()
    assert torch.equal(again.sample(4, seeded()), model.sample(4, seeded()))


def test_config_is_all_that_was_given() -> None:
    assert [MlpVae(**c).config() for c in CONFIGS] == CONFIGS


def test_default_size() -> None:
    model = MlpVae([1, 28, 28])
    assert sum(p.numel() for p in model.decoder.parameters()) == (8 + 1) * 512 + 513 * 512 + 513 * 784
    assert math.prod(model.shape) == 784


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": []}, "`model.hidden` must be a list of integers, at least one; found []."),
        ({"hidden": 512}, "`model.hidden` must be a list of integers, at least one; found 512."),
        ({"hidden": "512"}, "`model.hidden` must be a list of integers, at least one; found '512'."),
        ({"hidden": [512, 0]}, "`model.hidden[1]` must be an integer >= 1; found 0."),
        ({"hidden": [512.0]}, "`model.hidden[0]` must be an integer >= 1; found 512.0. Type model.hidden[0]=512"),
        ({"latent_dim": 0}, "`model.latent_dim` must be an integer >= 1; found 0."),
        ({"latent_dim": -2}, "`model.latent_dim` must be an integer >= 1; found -2."),
        ({"latent_dim": 2.5}, "`model.latent_dim` must be an integer >= 1; found 2.5."),
        ({"latent_dim": True}, "`model.latent_dim` must be an integer >= 1; found True."),
        ({"latent_dim": None}, "`model.latent_dim` must be an integer >= 1; found null."),
        ({"latent_dim": "8"}, "`model.latent_dim` must be an integer >= 1; found '8'."),
        ({"activation": "tanh"}, "`model.activation` must be one of relu, silu, gelu; found 'tanh'."),
        (
            {"activation": "relux"},
            "`model.activation` must be one of relu, silu, gelu; found 'relux'. Did you mean 'relu'?",
        ),
        ({"activation": None}, "`model.activation` must be one of relu, silu, gelu; found None."),
        ({"shape": [28, 28]}, "`model.shape` must be channels, height and width; found [28, 28]."),
        ({"shape": [1, 28, 0]}, "`model.shape[2]` must be an integer >= 1; found 0."),
    ],
)
def test_bad_options_are_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        MlpVae(**{"shape": [1, 28, 28], **options})
    assert str(caught.value) == message


def test_batch_norm_stands_between_each_hidden_layer_and_its_activation(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = MlpVae([1, 4, 4], latent_dim=2, hidden=[6, 5], batch_norm=True).eval()
    linear, norm, act = (
        [i for i, layer in enumerate(model.decoder) if isinstance(layer, kind)]
        for kind in (torch.nn.Linear, torch.nn.BatchNorm1d, torch.nn.ReLU)
    )
    assert (linear, norm, act) == ([0, 3, 6], [1, 4], [2, 5])
    assert "batch_norm" not in MlpVae([1, 4, 4]).config(), "files of before do not say so"
    with torch.no_grad():
        model.decoder[1].running_mean.add_(0.5)
    save_checkpoint(tmp_path / "bn.safetensors", model, about={})
    again = load_checkpoint(tmp_path / "bn.safetensors").model.eval()
    assert torch.equal(model.sample(3, seeded()), again.sample(3, seeded()))
    with pytest.raises(UsageError, match="`model.batch_norm` must be"):
        MlpVae([1, 4, 4], batch_norm="yes")  # type: ignore[arg-type]
