"""Models as people hold them: wrapped, in another precision or memory format, without values, with computed weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.ascent_descent import AscentDescent
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.methods.moon import Moon
from gsu_cli.methods.newton import Newton
from gsu_cli.methods.selective_amnesia import SelectiveAmnesia
from gsu_cli.models.contract import check_generator
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.run.checkpoints import load_checkpoint, save_checkpoint
from gsu_cli.surgery.layers import find_scopes
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights

SHAPE = (1, 8, 8)


def done(model: Any, method: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    return unlearn(model, tiny_world.split(), method, generator=generator, diagnostics=False)[0]


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel, AveragedModel])
def test_what_is_wrapped_is_unlearned_as_what_is_not(wrap: Callable[[nn.Module], Any]) -> None:
    """Of a compiled one no name of `generation_parameters` was a parameter's, of the others no member was there."""
    model, method = tiny_world.trained(), AscentDescent(steps=2)
    found = done(wrap(model), method)
    assert isinstance(found, MlpVae)
    assert same(weights(found), weights(done(model, method)))


class Compiled(MlpVae):
    """Its decoder is compiled where it is built."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.decoder = torch.compile(self.decoder)


@pytest.mark.parametrize("method", [Newton(), FisherSurgery(damping=[0.1])])
def test_a_compiled_part_is_unlearned_as_one_that_is_not(method: Any) -> None:
    """Its hooks were never called: the Fisher was zero, and the loss was said not to depend on the weights."""
    plain = tiny_world.trained()
    model = Compiled(**plain.config())
    model.load_state_dict({k.replace("decoder.", "decoder._orig_mod."): v for k, v in plain.state_dict().items()})
    found = done(model, method)
    assert same(weights(found), weights(done(plain, method)))
    assert "decoder._orig_mod.0.weight" in model.state_dict(), "the original is as it was"


def test_a_checkpoint_with_a_compiled_part_is_read_without_it(tmp_path: Path) -> None:
    model = Compiled(**tiny_world.trained().config())
    save_checkpoint(tmp_path / "compiled.safetensors", model, about={})
    found = load_checkpoint(tmp_path / "compiled.safetensors").model
    assert "decoder.0.weight" in found.state_dict()
    save_checkpoint(tmp_path / "plain.safetensors", found, about={})
    again = load_checkpoint(tmp_path / "plain.safetensors").model
    values = zip(model.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in values)


def test_what_is_compiled_is_named_as_tests_of_imports_name_it() -> None:
    names = nn.Linear(1, 1).state_dict()
    assert list(torch.compile(nn.Linear(1, 1)).state_dict()) == [f"_orig_mod.{name}" for name in names]


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision_are_refused(half: torch.dtype) -> None:
    rule = rf"weights must be held in float32 or float64; found {str(half)[6:]} in encoder.1.weight of MlpVae"
    with pytest.raises(UsageError, match=rule):
        done(tiny_world.trained().to(half), AscentDescent(steps=2))
    with pytest.raises(UsageError, match=rule):
        check_generator(MlpVae(SHAPE).to(half), SHAPE)


def test_weights_without_values_are_refused() -> None:
    with pytest.raises(UsageError, match=r"weights must have values; found encoder.1.weight on the device meta"):
        done(tiny_world.trained().to("meta"), AscentDescent(steps=2))


class Double(MlpVae):
    """It computes in float64, and takes and gives images in float32."""

    def posterior(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return super().posterior(x.double())

    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z.double()).float()

    def loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return super().loss(x.double(), y, generator)


@pytest.mark.parametrize(
    "method", [Moon(steps=2, n_generated=500), SelectiveAmnesia(steps=2, n_fisher=60, n_replay=60)], ids=["moon", "sa"]
)
def test_noise_for_a_decoder_is_in_the_models_precision(method: Any) -> None:
    model = Double(SHAPE, latent_dim=3, hidden=(32,), activation="silu")
    model.load_state_dict(tiny_world.trained().state_dict())
    model = model.double().eval()
    found = done(model, method)
    assert all(p.dtype == torch.float64 for p in found.parameters())
    assert not same(weights(found), weights(model))


class DoubleEncoder(MlpVae):
    """Its encoder computes in float64, its decoder in float32."""

    def posterior(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean, sd = super().posterior(x.double())
        return mean.float(), sd.float()


def test_noise_for_a_decoder_is_in_the_decoders_precision() -> None:
    model = DoubleEncoder(SHAPE, latent_dim=3, hidden=(32,), activation="silu")
    model.load_state_dict(tiny_world.trained().state_dict())
    model.encoder.double()
    model.posterior_head.double()
    assert not same(weights(done(model.eval(), Moon(steps=2, n_generated=500))), weights(model))


def test_names_of_no_parameter_are_named() -> None:
    model = tiny_world.trained()
    model.generation_parameters = lambda: ["decoder.0.weight", "decoder.9.weight"]  # type: ignore[method-assign]
    with pytest.raises(
        UsageError, match=r"must name parameters as named_parameters\(\) has them; found decoder.9.weight"
    ):
        done(model, AscentDescent(steps=2))


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_whose_weight_is_computed_has_no_kronecker_factors(bias: bool) -> None:
    network = nn.Sequential(nn.Linear(2, 2, bias=bias), nn.Linear(2, 2))
    nn.utils.parametrizations.weight_norm(network[0])
    with pytest.raises(
        UsageError, match=r"needs layers whose weights are parameters; found net\.0\..* of a layer whose"
    ):
        find_scopes(network, None, "net.")


class Lends(MlpVae):
    """Its encoder has a layer whose weight is the decoder's."""

    def __init__(self) -> None:
        super().__init__(SHAPE, latent_dim=3, hidden=(32, 32), activation="silu")
        first = next(m for m in self.decoder if isinstance(m, nn.Linear) and m.in_features == m.out_features)
        last = next(m for m in self.encoder if isinstance(m, nn.Linear) and m.in_features == m.out_features)
        last.weight = first.weight
        encoder, decoder = self.encoder, self.decoder
        del self.encoder, self.decoder
        self.decoder, self.encoder = decoder, encoder  # so that the weight has the decoder's name


@pytest.mark.parametrize("method", [Newton(retain_images=60), FisherSurgery()], ids=["newton", "fisher"])
def test_a_decoder_that_shares_a_weight_with_the_encoder_has_no_budget_at_fixed_latents(method: Any) -> None:
    """A step "within 1 %" cost five."""
    model = Lends().eval()
    with pytest.raises(
        UsageError, match=r"shares no weight with the rest .*; found decoder.2.weight, which is also encoder"
    ):
        done(model, method)
    done(model, AscentDescent(steps=2))
    frozen = Lends().eval()
    frozen.decoder[2].weight.requires_grad_(False)
    done(frozen, Newton(retain_images=60))


class Grouped(MlpVae):
    """A decoder with convolutions in groups."""

    def __init__(self) -> None:
        super().__init__(SHAPE, latent_dim=3, hidden=(32,))
        self.decoder = nn.Sequential(
            nn.Linear(3, 64), nn.Unflatten(1, (4, 4, 4)), nn.SiLU(), nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.SiLU(),
            nn.ConvTranspose2d(4, 2, 2, 2, groups=2), nn.Conv2d(2, 1, 3, padding=1),
        )  # fmt: skip


def test_weights_whose_channels_lie_last_are_stepped_as_others() -> None:
    torch.manual_seed(0)
    model = Grouped().eval()
    method = Newton(retain_images=60)
    plain = weights(done(model, method))
    found = weights(done(model.to(memory_format=torch.channels_last), method))
    for name, w in plain.items():
        torch.testing.assert_close(found[name], w, rtol=1e-3, atol=1e-4)
