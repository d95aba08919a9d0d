"""Folders of pythae and diffusers' AutoencoderKL, saved by the libraries themselves, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from e2e_world import EVALUATION, Run, runs, strokes, write_world
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.libraries import library
from gsu_cli.models.vae.autoencoder_kl import AutoencoderKl
from gsu_cli.models.vae.pythae_vae import KINDS, PythaeVae
from gsu_cli.run.checkpoints import load_checkpoint
from gsu_cli.run.import_weights import load_into

SHAPE = (1, 12, 12)
TINY = {
    "in_channels": 1, "out_channels": 1, "block_out_channels": (8, 8), "layers_per_block": 1, "latent_channels": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2, "norm_num_groups": 4,
    "sample_size": 12, "scaling_factor": 0.5, "shift_factor": 0.1,
}  # fmt: skip


def images() -> Tensor:
    return (strokes(180, 1)[0].float() / 255)[:, None]


def train(model: Any, loss: Callable[[], Tensor], steps: int, lr: float) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr)
    for _ in range(steps):
        value = loss()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    model.eval()


def pythae_vae(loss: str) -> Any:
    models = pytest.importorskip("pythae.models")
    from pythae.data.datasets import DatasetOutput

    torch.manual_seed(0)
    model = models.VAE(models.VAEConfig(input_dim=SHAPE, latent_dim=2, reconstruction_loss=loss))
    x = images()
    train(model, lambda: model(DatasetOutput(data=x)).loss, 120, 3e-3)
    return model


def autoencoder_kl() -> Any:
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    model = diffusers.AutoencoderKL(**TINY)
    x = 2 * images() - 1

    def loss() -> Tensor:
        posterior = model.encode(x).latent_dist
        again = model.decode(posterior.sample()).sample
        return (again - x).square().sum((1, 2, 3)).mean() + 1e-3 * posterior.kl().mean()

    train(model, loss, 40, 5e-3)
    return model


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("libraries")
    write_world(folder / "data")
    return folder


@pytest.fixture(scope="module")
def line(place: Path, type_line: Callable[..., Any]) -> Callable[..., Run]:
    def run(verb: str, *words: str) -> Run:
        before = {r.folder for r in runs(place)}
        world = ("dataset=idx", "dataset.name=strokes", f"dataset.path={place / 'data'}", *EVALUATION, "judge=[knn]")
        typed = type_line(verb, *world, *words, cwd=place)
        assert typed.code == 0, typed.err
        (new,) = [r for r in runs(place) if r.folder not in before]
        return new

    return run


def reconstructions(run: Run, x: Tensor) -> Tensor:
    model: Any = load_checkpoint(run.folder / "imported.safetensors").model
    with torch.no_grad():
        found: Tensor = model.decode(model.posterior(x)[0])
    return found


@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_pythae_reconstructs_as_pythae_does(place: Path, line: Callable[..., Run], loss: str) -> None:
    theirs = pythae_vae(loss)
    theirs.save(str(place / loss))
    run = line("evaluate", f"checkpoint.path={place / loss}", "model=pythae")
    x = images()
    assert torch.allclose(reconstructions(run, x), theirs.predict(x).recon_x.detach(), atol=1e-5)
    source = run.record["inputs"]["checkpoint"]["about"]["imported"]
    assert source["entry"] == "model_state_dict"
    assert source["path"] == str(place / loss / "model.pt")


def test_pythaes_loss_is_the_elbo() -> None:
    from pythae.data.datasets import DatasetOutput

    theirs = pythae_vae("mse")
    ours = PythaeVae(SHAPE, {"name": "VAEConfig", "latent_dim": 2, "reconstruction_loss": "mse"}).eval()
    load_into(ours, PythaeVae.translated(theirs.state_dict()), Path("model.pt"))
    x = images()
    torch.manual_seed(3)
    expected = theirs(DatasetOutput(data=x)).loss
    got = ours.loss(x, None, torch.Generator().manual_seed(3)).mean()
    assert torch.allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["IWAEConfig", "MIWAEConfig", "PIWAEConfig", "CIWAEConfig"])
def test_the_loss_of_importance_weighted_kinds_is_the_elbo_too(kind: str) -> None:
    pytest.importorskip("pythae.models")
    plain, weighted = (
        PythaeVae(SHAPE, {"name": name, "latent_dim": 2, "reconstruction_loss": "mse"}).eval()
        for name in ("VAEConfig", kind)
    )
    weighted.load_state_dict(plain.state_dict())
    x = images()
    a, b = (model.loss(x, None, torch.Generator().manual_seed(3)) for model in (plain, weighted))
    assert torch.equal(a, b)


def test_an_autoencoder_kl_reconstructs_as_diffusers_does(place: Path, line: Callable[..., Run]) -> None:
    theirs = autoencoder_kl()
    theirs.save_pretrained(place / "kl")
    run = line("evaluate", f"checkpoint.path={place / 'kl'}", "model=autoencoder_kl", "model.sigma=0.3")
    x = images()
    with torch.no_grad():
        expected = ((theirs.decode(theirs.encode(2 * x - 1).latent_dist.mean).sample + 1) / 2).clamp(0, 1)
    assert torch.allclose(reconstructions(run, x), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kl", "bce"])
def test_they_forget_in_one_step(place: Path, line: Callable[..., Run], name: str) -> None:
    if name == "kl":
        autoencoder_kl().save_pretrained(place / "kl_slow")
    else:
        pythae_vae(name).save(str(place / "bce_slow"))
    choice = "autoencoder_kl" if name == "kl" else "pythae"
    run = line("unlearn", "forget.class=1", f"checkpoint.path={place / (name + '_slow')}", f"model={choice}")
    assert run.record["status"] == "done"


def test_latents_are_those_of_a_diffusion_model() -> None:
    diffusers = pytest.importorskip("diffusers")
    theirs = diffusers.AutoencoderKL(**TINY).eval()
    ours = AutoencoderKl(SHAPE, dict(theirs.config)).eval()
    load_into(ours, AutoencoderKl.translated(theirs.state_dict()), Path("x.safetensors"))
    x = images()[:4]
    with torch.no_grad():
        posterior = theirs.encode(2 * x - 1).latent_dist
        mean, sd = ours.posterior(x)
    assert torch.allclose(mean, ((posterior.mean - 0.1) * 0.5).flatten(1), atol=1e-6)
    assert torch.allclose(sd, (posterior.std * 0.5).flatten(1), atol=1e-6)
    assert ours.latent_dim == 2 * 6 * 6


def test_older_names_of_attention() -> None:
    name = "encoder.mid_block.attentions.0"
    old = {
        f"{name}.query.weight": torch.ones(1),
        f"{name}.proj_attn.bias": torch.ones(1),
        "quant_conv.bias": torch.ones(1),
    }
    assert list(AutoencoderKl.translated(old)) == [f"{name}.to_q.weight", f"{name}.to_out.0.bias", "quant_conv.bias"]


def test_networks_of_ones_own_are_named_not_unpickled(place: Path, type_line: Callable[..., Any]) -> None:
    models = pytest.importorskip("pythae.models")
    from pythae.models.nn.default_architectures import Encoder_VAE_MLP

    config = models.VAEConfig(input_dim=SHAPE, latent_dim=2)
    model = models.VAE(config, encoder=Encoder_VAE_MLP(config))
    model.model_config.save_json(str(place), "model_config")
    torch.save({"model_state_dict": model.state_dict()}, place / "model.pt")
    options = PythaeVae.options_beside(place / "model.pt")
    with pytest.raises(UsageError, match=r"pickle, which is not read.*model.encoder="):
        PythaeVae(SHAPE, **options)
    named = PythaeVae(SHAPE, **options, encoder="pythae.models.nn.default_architectures.Encoder_VAE_MLP")
    load_into(named, PythaeVae.translated(model.state_dict()), place / "model.pt")
    with pytest.raises(UsageError, match="must be a class that is built from a pythae config"):
        PythaeVae(SHAPE, **options, encoder="no_such.Encoder")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "VQVAEConfig"}, "found VQVAEConfig"),
        ({"name": "VAEConfig", "input_dim": [1, 28, 28]}, "images of the shape"),
        ({"name": "VAEConfig", "latent_dim": "many"}, "this release of pythae reads"),
    ],
)
def test_what_is_no_vae_of_pythae(options: dict[str, object], said: str) -> None:
    with pytest.raises((UsageError, CheckpointError), match=said):
        PythaeVae(SHAPE, options)


def test_the_kinds_are_classes_of_pythae() -> None:
    models = pytest.importorskip("pythae.models")
    assert all(hasattr(models, kind) for kind in KINDS)


@pytest.mark.parametrize(
    ("options", "shape", "said"),
    [
        ({"_class_name": "UNet2DModel"}, SHAPE, "found UNet2DModel"),
        (TINY, (3, 12, 12), "1 channels and sides that 2 divides"),
        (TINY, (1, 13, 12), "sides that 2 divides"),
        ({"down_block_types": ["nothing"]}, SHAPE, "this release of diffusers builds"),
        ({"down_block_types": "nothing"}, SHAPE, "down_block_types in config.json must be a list; found 'nothing'"),
        ({"scaling_factor": "0.18"}, SHAPE, "must be a number; found '0.18'. Write 0.18 without quotes, or copy the"),
        ({"force_upcast": "false"}, SHAPE, "must be true or false or a number; found 'false'. Write false without"),
    ],
)
def test_what_is_no_autoencoder_kl(options: dict[str, Any], shape: tuple[int, ...], said: str) -> None:
    with pytest.raises((UsageError, CheckpointError), match=said):
        AutoencoderKl(shape, options)


def test_a_config_that_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="must have its config.json beside the weights"):
        AutoencoderKl.options_beside(tmp_path / "x.safetensors")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="readable JSON"):
        AutoencoderKl.options_beside(tmp_path / "x.safetensors")
    (tmp_path / "config.json").write_text(json.dumps([1]))
    with pytest.raises(CheckpointError, match="JSON object"):
        AutoencoderKl.options_beside(tmp_path / "x.safetensors")


def test_a_library_that_is_not_installed() -> None:
    with pytest.raises(UsageError, match=r"pip install 'gsu-cli\[pythae\]'"):
        library("pythae_that_is_not_there", "pythae")
