"""UNet2DModel of diffusers with the scheduler that it was trained with: a folder that a pipeline was saved to.

The network and its noise levels are the library's own. What gsu samples is what `DDIMPipeline` generates from the
folder with ``eta=0``: at one noise the two agree, both ways. Two things of that pipeline are refused where they would
make a number wrong: steps that do not divide the noise levels (it then goes from one level and lands on another), and
first steps at a level where much of an image is left, though it begins with noise alone.

Source: Song, Meng and Ermon, ICLR 2021, equation 12; `clip_sample` bounds the image alone and not the noise, as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.checks import as_int, as_shape
from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.models.conditions import DROP
from gsu_cli.models.diffusion.base import Denoiser
from gsu_cli.models.diffusion.diffusers_parts import (
    PREDICTION_TYPES,
    SPACINGS,
    alpha_bars_of,
    built_scheduler,
    built_unet,
    check_pair,
    other_bars,
)
from gsu_cli.models.generating import made
from gsu_cli.models.libraries import library
from gsu_cli.run.pipelines import PIPELINES, read_parts

USUAL = 50  # levels that DDIM visits
LEFT = 0.05  # of an image, at most, where sampling begins, beyond what is left at the last level


class Unet2d(Denoiser):
    """A diffusion model whose network is diffusers'.

    Args:
        shape: ``(c, h, w)`` of the images.
        unet: what stands in ``unet/config.json``; None is a small network for such images.
        scheduler: what stands in ``scheduler/scheduler_config.json``; None is v-prediction on the cosine schedule.
        sample_steps: levels that DDIM visits; must divide their number. None: 50, or the most below that do.
        spacing: "trailing" begins at the last level, "leading" up to a step earlier; None is what the scheduler says.

    Raises:
        UsageError: diffusers is not installed, or an option is not one that gsu can sample with.
        CheckpointError: network, scheduler and images do not belong together.
    """

    def __init__(
        self,
        shape: Sequence[int],
        unet: Mapping[str, Any] | None = None,
        scheduler: Mapping[str, Any] | None = None,
        sample_steps: int | None = None,
        spacing: str | None = None,
    ) -> None:
        super().__init__()
        self.shape = as_shape("model.shape", shape)
        diffusers = library("diffusers", "diffusers")
        self.unet = dict(unet or small(self.shape))
        self.scheduler = dict(scheduler or {"prediction_type": "v_prediction", "beta_schedule": "squaredcos_cap_v2"})
        self.scheduler.setdefault("_class_name", "DDPMScheduler")
        if not scheduler:
            self.scheduler["timestep_spacing"] = "trailing"
        self._built = built_scheduler(diffusers, self.scheduler)
        net = built_unet(diffusers, self.unet)
        check_pair(net.config, self._built.config, self.shape)
        if net.config.sample_size is None:
            net.register_to_config(sample_size=list(self.shape[1:]))
        self.network = _Network(net)
        self.prediction = PREDICTION_TYPES[self._built.config.prediction_type]
        bars = alpha_bars_of(self._built)
        self.train_steps = len(bars)
        self._noise_by(bars.sqrt(), (1 - bars).sqrt())
        said = self._built.config.timestep_spacing if spacing is None else spacing
        if said not in SPACINGS:
            whose = ", the folder's timestep_spacing" if spacing is None else ""
            raise UsageError(
                f"`model.spacing` must be one of {', '.join(SPACINGS)}",
                found=f"{said}{whose}",
                way_out=f"{did_you_mean(str(said), SPACINGS)}Type model.spacing=trailing",
            )
        self.spacing = str(said)
        self.sample_steps = as_int("model.sample_steps", self._fit(USUAL) if sample_steps is None else sample_steps)
        self._check_sampling()
        self._expect(0, DROP)

    @staticmethod
    def options_beside(weights: Path) -> dict[str, Any]:
        """Constructor arguments from the folder of the weights."""
        return read_parts(weights)

    @staticmethod
    def translated(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The library's names as those of this class."""
        begin = "network.unet."
        return {k if k.startswith(begin) else begin + k: v for k, v in tensors.items()}

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "unet": {k: v for k, v in self.unet.items() if not k.startswith("_")},
            "scheduler": {k: v for k, v in self.scheduler.items() if k == "_class_name" or not k.startswith("_")},
            "sample_steps": self.sample_steps,
            "spacing": self.spacing,
        }

    def save_folder(self, folder: Path) -> None:
        """Writes a folder that the library loads: `DDIMPipeline.from_pretrained` then generates what this does.

        Args:
            folder: that does not exist yet.
        """
        diffusers = library("diffusers", "diffusers")
        # an edit of a copied config can be dropped by from_config: what gsu samples with is typed as a keyword
        scheduler = built_scheduler(diffusers, {**self.scheduler, "timestep_spacing": self.spacing})
        pipeline = getattr(diffusers, PIPELINES[self.scheduler["_class_name"]])
        pipeline(unet=self.network.unet, scheduler=scheduler).save_pretrained(folder)

    def other_schedules(self) -> dict[str, Tensor]:
        found = other_bars(library("diffusers", "diffusers"), self.scheduler)
        learned = self.unet.get("time_embedding_type") == "learned"  # for these times alone
        return {words: bars for words, bars in found.items() if not learned or len(bars) <= self.train_steps}

    def sampling_times(self) -> list[int]:
        """Times that DDIM visits, from the noisiest on."""
        stride = self.train_steps // self.sample_steps
        if self.spacing == "trailing":
            return list(range(self.train_steps - 1, -1, -stride))
        offset = self._built.config.steps_offset
        return [i * stride + offset for i in reversed(range(self.sample_steps))]

    def _fit(self, most: int) -> int:
        """The largest number of steps up to ``most`` that divides the levels."""
        return max(n for n in range(1, min(most, self.train_steps) + 1) if self.train_steps % n == 0)

    def _check_sampling(self) -> None:
        if self.train_steps % self.sample_steps:
            raise UsageError(
                f"`model.sample_steps` must divide the scheduler's noise levels, {self.train_steps}: diffusers "
                "steps from one level and lands on another otherwise",
                found=self.sample_steps,
                way_out=f"Choose {self._fit(self.sample_steps)}",
            )
        first = self.sampling_times()[0]
        if first >= self.train_steps:
            raise UsageError(
                f"the first step of sampling must be at one of the {self.train_steps} noise levels",
                found=f"{first}, as steps_offset is {self._built.config.steps_offset}",
                way_out="Type model.spacing=trailing",
            )
        left, least = float(self.signal[first]), float(self.signal[-1])
        if left - least > LEFT:
            raise UsageError(
                "sampling must begin where next to nothing of an image is left",
                found=f"{left:.0%} at level {first} of {self.train_steps - 1}, where spacing {self.spacing} begins "
                f"with {self.sample_steps} steps",
                way_out="Type model.spacing=trailing",
            )

    def _sampled(self, x: Tensor, y: Tensor) -> Tensor:
        known = self._built.config
        final = 1.0 if known.get("set_alpha_to_one", True) else float(self.signal[0]) ** 2
        stride = self.train_steps // self.sample_steps
        for t in self.sampling_times():
            at = torch.full((len(x),), t, device=x.device)
            a, s = self.levels(at)
            x_0 = self.denoised(x, at, self._predicted(x, at, y))
            eps = (x - a * x_0) / s
            if known.clip_sample:
                x_0 = x_0.clamp(-known.clip_sample_range, known.clip_sample_range)
            next_a, next_s = (
                (float(self.signal[t - stride]), float(self.noisiness[t - stride]))
                if t >= stride
                else (final**0.5, (1 - final) ** 0.5)
            )
            x = next_a * x_0 + next_s * eps
            made(len(x) / self.sample_steps)
        return x / 2 + 0.5


class _Network(nn.Module):
    """A UNet2DModel as a network of two tensors that gives one."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        found: Tensor = self.unet(x, t, return_dict=False)[0]
        return found


def small(shape: tuple[int, int, int]) -> dict[str, Any]:
    """A network for images of that shape that two CPU cores can train: 0.28 million weights for 28 x 28."""
    c, h, w = shape
    levels = next(n for n in (3, 2, 1) if not (h % 2 ** (n - 1) or w % 2 ** (n - 1)))
    plain = ["DownBlock2D"] * (levels - 1)
    return {
        "sample_size": [h, w],
        "in_channels": c,
        "out_channels": c,
        "block_out_channels": [16, 32, 32][:levels],
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "down_block_types": [*plain, "AttnDownBlock2D"],
        "up_block_types": ["AttnUpBlock2D", *(kind.replace("Down", "Up") for kind in plain)],
    }
