"""Entry points of every family without values: on a card that is not there, and on torch's `meta` device.

Torch's fake tensors have a device, shapes and no values: a tensor that stayed on the CPU, or noise that was not moved,
is an error there, as on a card. Backward passes ask for a real card; on `meta` they run, and nothing is stored, so that
statistics of a model of any size have their shapes at once. `pretend_device` computes real values behind the same wall,
of every family and with conditions, which are looked at; this asks torch's own bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._pytree import tree_leaves

from gsu_cli.curvature.diagonal import diagonal_fisher
from gsu_cli.curvature.gauss_newton import site_gauss_newton
from gsu_cli.data.base import Images
from gsu_cli.gradients import parameters
from gsu_cli.models.decoders import prefix_of, site_maker
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.models.gan.dcgan import Dcgan
from gsu_cli.models.model import decode
from gsu_cli.models.protocols import IMAGE_SITES, HasImageSites, HasLoss, HasPosterior, Trainable
from gsu_cli.models.sites import Sites
from gsu_cli.models.vae.conv_vae import ConvVae
from gsu_cli.models.vae.mlp_vae import MlpVae
from gsu_cli.objectives.latents import latents
from gsu_cli.surgery.kfac import KroneckerBuilder

FAMILIES: dict[str, Callable[[], Any]] = {
    "VAE": lambda: MlpVae((1, 8, 8), latent_dim=3, hidden=(8,)),
    "convolutional VAE": lambda: ConvVae((1, 16, 16), latent_dim=3, channels=(4, 8)),
    "diffusion": lambda: Ddpm((1, 8, 8), channels=(8, 16), embedding=16, train_steps=50, sample_steps=3),
    "GAN": lambda: Dcgan((1, 8, 8), latent_dim=4, channels=(8, 8), critic=(8, 16, 16)),
}


def sites(m: Any, x: Tensor, y: Tensor, g: torch.Generator) -> Sites:
    """Of images; of a GAN, which has none of them, of its own samples."""
    maker = site_maker(m)
    return maker.sites(x, y, g) if isinstance(maker, HasImageSites) else Sites((m.noise(len(x), g),), x)


def residual(m: Any, x: Tensor, y: Tensor, g: torch.Generator) -> Tensor:
    maker = site_maker(m)
    return maker.output_loss.fisher_residual(maker.network(*sites(m, x, y, g).inputs), g)


def factors(m: Any, x: Tensor, y: Tensor, g: torch.Generator) -> Any:
    maker = site_maker(m)
    builder = KroneckerBuilder(maker.network, None, prefix=prefix_of(m, maker.network), locations=64)
    return builder.terms(sites(m, x, y, g).inputs, partial(maker.output_loss.fisher_residual, generator=g))


def product(m: Any, x: Tensor, y: Tensor, g: torch.Generator) -> Any:
    maker = site_maker(m)
    names = [n for n, _ in m.named_parameters() if n.startswith(prefix_of(m, maker.network))]
    theta = parameters(m, names)
    return site_gauss_newton(m, theta, sites(m, x, y, g))({k: torch.ones_like(v) for k, v in theta.items()})


def gradient(m: Any, x: Tensor, y: Tensor, g: torch.Generator) -> Any:
    """Of the training losses; a step looks at values."""
    losses = m.losses(x, y, g) if isinstance(m, Trainable) else [m.loss(x, y, g).mean()]
    return torch.autograd.grad(sum(losses), list(m.parameters()))


def sample(m: Any, x: Tensor, y: Tensor, g: torch.Generator) -> Any:
    with torch.no_grad():
        return m.sample(3, g)


ENTRIES: dict[str, tuple[Any, Callable[[Any, Tensor, Tensor, torch.Generator], Any]]] = {
    "loss": (HasLoss, lambda m, x, y, g: m.loss(x, y, g)),
    "sample": (object, sample),
    "gradient": (object, gradient),
    "reconstruction": (HasPosterior, lambda m, x, y, g: reconstructed(m, x, y)),
    "residual": (object, residual),
    "Kronecker factors": (object, factors),
    "diagonal Fisher": (IMAGE_SITES, lambda m, x, y, g: diagonal_fisher(m, Images(x, y), seed=0)),
    "Gauss-Newton product": (object, product),
}


def reconstructed(m: Any, x: Tensor, y: Tensor) -> Tensor:
    return decode(m, latents(m, x, y, torch.Generator()))


CASES = [
    (family, entry)
    for family, make in FAMILIES.items()
    for entry, (needs, _) in ENTRIES.items()
    if isinstance(make(), needs)
]


FORWARD = [
    (family, entry)
    for family, entry in CASES
    if entry in ("loss", "sample", "reconstruction", "residual") and (family, entry) != ("diffusion", "sample")
]  # a sampler reads its times, which have no values there
OF_VALUES = (("VAE", "residual"), ("VAE", "Kronecker factors"))  # a pixel's coin is tossed on the CPU, by its chance


def on(device: str, family: str, entry: str) -> Iterator[Tensor]:
    """What an entry point gives on a device: its tensors with dimensions (counts are the CPU's everywhere)."""
    with torch.device(device):  # made there: fake tensors cannot be moved in place
        model = FAMILIES[family]().eval()
    x = torch.rand((4, *model.shape), device=device)
    y = torch.tensor([0, 1, 2, 3]).to(device)
    found = ENTRIES[entry][1](model, x, y, torch.Generator().manual_seed(0))
    kept = (
        {k: v for k, v in found.items() if k != "n" and not k.startswith("counts")}
        if isinstance(found, dict)
        else found
    )
    yield from (t for t in tree_leaves(kept) if isinstance(t, Tensor))


@pytest.fixture
def finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tensors without values nobody can tell: they are."""

    class Yes:
        def all(self) -> bool:
            return True

    monkeypatch.setattr(torch, "isfinite", lambda x: Yes())


@pytest.mark.slow  # torch imports much for it
@pytest.mark.parametrize(("family", "entry"), FORWARD)
def test_results_stay_on_the_device(family: str, entry: str, finite: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Module, "to", lambda self, *_, **__: self)  # fake tensors have no other memory format
    with FakeTensorMode():
        found = list(on("cuda", family, entry))
    assert found
    assert {t.device.type for t in found} == {"cuda"}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_two_devices_in_one_operation_are_seen(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Module, "to", lambda self, *_, **__: self)
    with FakeTensorMode():
        with torch.device("cuda"):
            model = FAMILIES[family]()
        made = sites(FAMILIES[family](), torch.rand(4, *model.shape), torch.arange(4), torch.Generator())
        with pytest.raises(RuntimeError, match="device"):
            site_maker(model).network(*made.inputs)


@pytest.mark.parametrize(("family", "entry"), [case for case in CASES if case not in OF_VALUES])
def test_on_meta_shapes_are_the_cpus(family: str, entry: str, finite: None) -> None:
    found, cpus = list(on("meta", family, entry)), list(on("cpu", family, entry))
    assert {t.device.type for t in found} == {"meta"}
    assert [(t.shape, t.dtype) for t in found] == [(t.shape, t.dtype) for t in cpus]


def test_statistics_of_a_model_too_large_for_any_machine_have_their_shapes() -> None:
    """A denoiser of 4,096 maps: 48 GB of factors, of which nothing is stored."""
    with torch.device("meta"):
        model = Ddpm((3, 64, 64), channels=(2048, 4096), embedding=2048)
    found = factors(model, torch.rand((2, *model.shape), device="meta"), torch.arange(2).to("meta"), torch.Generator())
    sizes = {t.shape[-1] for k, t in found.items() if k.startswith("A ")}
    assert max(sizes) >= 9 * 4096  # a 3 x 3 convolution of the widest maps
    assert sum(t.numel() * t.element_size() for t in found.values()) > 4e10
    assert {t.device.type for k, t in found.items() if k.startswith(("A ", "G "))} == {"meta"}
