"""Pipelines of diffusers that are small enough for tests, saved by the library itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from e2e_world import SIZE, strokes
from gsu_cli.models.diffusion.unet2d import Unet2d
from gsu_cli.run.import_weights import load_into, read_foreign
from gsu_cli.run.weight_files import find_weights
from gsu_cli.surgery.uncompiled import Adam
from later import Later

diffusers = Later("diffusers")  # a second
T = 20
NET: dict[str, Any] = {
    "sample_size": SIZE,
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": (8, 8),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
}
NOISE: dict[str, Any] = {
    "num_train_timesteps": T,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "timestep_spacing": "trailing",
}
FEWER = {"num_train_timesteps": 10}  # noise levels of the trained one: sampling takes all


def save(folder: Path, kind: str = "DDPM", net: Any = None, **noise: Any) -> Path:
    """A pipeline with a network of random weights, or ``net``; the folder."""
    if net is None:
        torch.manual_seed(0)
        net = diffusers.UNet2DModel(**NET).eval()
    scheduler = getattr(diffusers, f"{kind}Scheduler")(**{**NOISE, **noise})
    getattr(diffusers, f"{kind}Pipeline")(unet=net, scheduler=scheduler).save_pretrained(folder)
    return folder


def opened(folder: Path, **options: Any) -> Unet2d:
    """The folder as a model of gsu."""
    weights = find_weights(folder).path
    model = Unet2d((1, SIZE, SIZE), **{"sample_steps": 5, **Unet2d.options_beside(weights), **options}).eval()
    load_into(model, Unet2d.translated(read_foreign(weights).tensors), weights)
    return model


def drawn(folder: Path, n: int, seed: int, steps: int, **keywords: Any) -> torch.Tensor:
    """``n`` images of diffusers' own DDIMPipeline, ``(n, c, h, w)`` in [0, 1]."""
    pipeline = diffusers.DDIMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.Generator().manual_seed(seed)
    found = pipeline(batch_size=n, generator=noise, num_inference_steps=steps, output_type="np", **keywords).images
    return torch.from_numpy(found).permute(0, 3, 1, 2)


@cache
def trained_network() -> Any:
    """A network trained on strokes with diffusers alone."""
    torch.manual_seed(0)
    net, scheduler = diffusers.UNet2DModel(**NET), diffusers.DDPMScheduler(**NOISE | FEWER)
    x = 2 * (strokes(180, 1)[0].float() / 255)[:, None] - 1
    optimiser = Adam(net.parameters(), 5e-3)
    for step in range(60):
        part = x[step % 3 * 60 :][:60]
        eps, t = torch.randn_like(part), torch.randint(FEWER["num_train_timesteps"], (60,))
        loss = F.mse_loss(net(scheduler.add_noise(part, eps, t), t).sample, scheduler.get_velocity(part, eps, t))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()
