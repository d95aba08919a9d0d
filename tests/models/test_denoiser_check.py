"""A denoiser whose noise levels are not those that its network was trained with is refused, and no other is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gsu_cli.errors import CheckpointError
from gsu_cli.models.denoiser_check import examine_denoiser
from gsu_cli.models.diffusion.ddpm import Ddpm
from gsu_cli.models.diffusion.schedule import alpha_bars
from gsu_cli.models.diffusion.unet2d import Unet2d, small
from later import Later

diffusers = Later("diffusers")
SHAPE = (1, 8, 8)
FADING = {"beta_schedule": "linear", "beta_end": 0.9, "prediction_type": "epsilon"}
LATENT = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


class Perfect(nn.Module):
    """The best linear word for the noise in images of one grey each, uniform, as one schedule has it."""

    def __init__(self, bars: Tensor) -> None:
        super().__init__()
        self.bars = bars.float()

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        a = self.bars[t.clamp(max=len(self.bars) - 1)].view(-1, 1, 1, 1)
        grey, noise = x.mean((1, 2, 3), keepdim=True), (1 - a).sqrt()
        n = x[0].numel()
        return (x - grey) / noise + grey * noise / (n * a / 3 + 1 - a)


def examined(model: Any, bars: Tensor) -> dict[str, Any]:
    """Of a model whose network was trained with the levels ``bars``."""
    model.network = Perfect(bars)
    x = torch.rand(200, 1, 1, 1, generator=torch.Generator().manual_seed(1)).expand(-1, *SHAPE)
    return examine_denoiser(model.eval(), x, Path("weights"), generator=torch.Generator().manual_seed(2))


def theirs(**options: Any) -> tuple[Unet2d, Tensor]:
    """A model of diffusers' scheduler, and its levels."""
    scheduler = {"prediction_type": "epsilon", "timestep_spacing": "trailing", **options}
    return Unet2d(SHAPE, scheduler=scheduler), diffusers.DDPMScheduler(**scheduler).alphas_cumprod


SCHEDULES: dict[str, dict[str, Any]] = {
    "beta_schedule linear": {},
    "beta_schedule scaled_linear, beta_start 0.0001": {"beta_schedule": "scaled_linear"},
    "beta_schedule scaled_linear, beta_start 0.00085": LATENT,
    "beta_schedule sigmoid": {"beta_schedule": "sigmoid"},
    "beta_schedule squaredcos_cap_v2": {"beta_schedule": "squaredcos_cap_v2"},
}
OWN: dict[str, Callable[[], tuple[Any, Tensor]]] = {
    **{name: lambda options=options: theirs(**options) for name, options in SCHEDULES.items()},
    "of fewer levels": lambda: theirs(num_train_timesteps=500),
    "betas of its own": lambda: theirs(trained_betas=torch.linspace(2e-4, 0.03, 1000).tolist()),
    "cosine": lambda: (Ddpm(SHAPE, prediction="eps"), alpha_bars("cosine", 1000)),
    "linear": lambda: (Ddpm(SHAPE, prediction="eps", schedule="linear"), alpha_bars("linear", 1000)),
}


@pytest.mark.parametrize("made", OWN.values(), ids=list(OWN))
def test_a_network_that_is_told_the_levels_it_was_trained_with_passes(made: Callable[[], tuple[Any, Tensor]]) -> None:
    assert examined(*made())["gain"] > 0.5


NEAR = ("beta_schedule scaled_linear, beta_start 0.00085", "beta_schedule linear")  # told, trained: little to see
PAIRS = [pair for pair in itertools.permutations(SCHEDULES, 2) if pair != NEAR]


@pytest.mark.parametrize(("told", "trained"), PAIRS)
def test_one_that_is_told_others_is_refused_and_the_right_ones_are_named(told: str, trained: str) -> None:
    with pytest.raises(CheckpointError, match=f"falls by .* at the levels of {trained}"):
        examined(theirs(**SCHEDULES[told])[0], theirs(**SCHEDULES[trained])[1])


def test_a_learned_embedding_is_not_asked_for_times_that_it_lacks() -> None:
    net = small(SHAPE) | {"time_embedding_type": "learned", "num_train_timesteps": 20}
    model = Unet2d(SHAPE, net, {"num_train_timesteps": 20, "timestep_spacing": "trailing", **FADING})
    found = model.other_schedules()
    assert found
    assert {len(bars) for bars in found.values()} == {20}


def test_other_numbers_of_levels_are_told_apart() -> None:
    with pytest.raises(CheckpointError, match="at the levels of num_train_timesteps 1000, with weights"):
        examined(theirs(num_train_timesteps=500)[0], theirs()[1])


@pytest.mark.parametrize(("told", "trained"), [("cosine", "linear"), ("linear", "cosine")])
def test_a_model_of_ours_names_its_option(told: str, trained: str) -> None:
    with pytest.raises(CheckpointError, match=f"Choose model.schedule={trained}, if it was trained with that"):
        examined(Ddpm(SHAPE, prediction="eps", schedule=told), alpha_bars(trained, 1000))
