"""Parts of a diffusers pipeline, built from their configs, and whether they belong together."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import SCALED, is_int
from gsu_cli.errors import CheckpointError, did_you_mean
from gsu_cli.models.libraries import built_by_diffusers
from gsu_cli.run.pipelines import check_scheduler

PREDICTION_TYPES = {"epsilon": "eps", "v_prediction": "v", "sample": "sample"}
SPACINGS = ("trailing", "leading")
OF_AN_AVERAGE = ("decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step", "use_ema_warmup")
"""What EMAModel adds to the config of the network whose weights it averaged."""
OF_LEVELS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr")
BETA_SCHEDULES = ("linear", "scaled_linear", "sigmoid")
USUAL_BETAS = {"beta_start": 1e-4, "beta_end": 0.02}
LATENT_BETAS: dict[str, Any] = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
"""Of Stable Diffusion; the library's own default is 0.0001 to 0.02."""
USUAL_LEVELS = 1000
UNET, SCHEDULER = "unet/config.json", "scheduler/scheduler_config.json"


def built_unet(diffusers: Any, options: Mapping[str, Any]) -> Any:
    """The network, with attention written out: the fused kernel has no second derivative.

    Raises:
        CheckpointError: this release does not build it.
    """
    own = {k: v for k, v in options.items() if not k.startswith("_") and k not in OF_AN_AVERAGE}
    net = built_by_diffusers(diffusers.UNet2DModel, own, UNET)
    from diffusers.models.attention_processor import AttnProcessor  # here: the library is an extra

    for module in net.modules():
        if callable(getattr(module, "set_processor", None)):
            module.set_processor(AttnProcessor())
    return net


def built_scheduler(diffusers: Any, options: Mapping[str, Any]) -> Any:
    """The scheduler, with every option as a keyword; those that its class does not have are another scheduler's.

    Raises:
        CheckpointError: the class is another, or this release does not build it.
    """
    check_scheduler(options.get("_class_name"), SCHEDULER)  # type: ignore[arg-type]  # where it lies, for the sentence
    kind = getattr(diffusers, options["_class_name"])
    known = inspect.signature(kind).parameters
    return built_by_diffusers(kind, {k: v for k, v in options.items() if k in known}, SCHEDULER)


def alpha_bars_of(scheduler: Any) -> Tensor:
    """``a_t`` of each noise level, ``(T,)``.

    Raises:
        CheckpointError: they do not fall from an image to noise.
    """
    bars: Tensor = scheduler.alphas_cumprod
    T = scheduler.config.num_train_timesteps
    if tuple(bars.shape) != (T,):
        raise CheckpointError(
            f"trained_betas in {SCHEDULER} must be one for each of num_train_timesteps",
            found=f"{tuple(bars.shape)} for {T}" if bars.ndim != 1 else f"{len(bars)} for {T}",
            way_out="Copy the scheduler's folder again",
        )
    if len(bars) < 2:
        raise CheckpointError(
            f"num_train_timesteps in {SCHEDULER} must be an integer >= 2",
            found=T,
            way_out="Copy the scheduler's folder again",
        )
    falls = bool((bars[1:] < bars[:-1]).all()) and bool(torch.isfinite(bars).all())
    if not falls or not 0 < float(bars[0]) < 1 or float(bars[-1]) < 0:
        raise CheckpointError(
            f"the betas of {SCHEDULER} must lie between 0 and 1, so that an image fades into noise",
            found=f"betas from {float(scheduler.betas.min()):.3g} to {float(scheduler.betas.max()):.3g}",
            way_out="Copy the scheduler's folder again",
        )
    return bars


def other_bars(diffusers: Any, options: Mapping[str, Any]) -> dict[str, Tensor]:
    """``a_t`` by schedulers that differ in their noise levels, each by what its config says.

    Args:
        diffusers: the library.
        options: of the scheduler at hand.
    """
    levels = {key: options[key] for key in OF_LEVELS if key in options}
    plain = {**levels, "_class_name": "DDPMScheduler"}  # which builds every schedule; DDIMScheduler has no sigmoid
    usual: list[dict[str, Any]] = [{"beta_schedule": kind} | USUAL_BETAS for kind in BETA_SCHEDULES]
    others = [*usual, LATENT_BETAS, {"beta_schedule": "squaredcos_cap_v2"}, {"num_train_timesteps": USUAL_LEVELS}]
    built = {_words(other): built_scheduler(diffusers, plain | other).alphas_cumprod for other in others}
    own = built_scheduler(diffusers, options).alphas_cumprod
    return {k: bars for k, bars in built.items() if bars.shape != own.shape or not torch.allclose(bars, own, rtol=1e-3)}


def _words(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} {v:g}" if isinstance(v, float) else f"{k} {v}" for k, v in options.items())


def check_pair(unet: Any, scheduler: Any, shape: tuple[int, int, int]) -> None:
    """Refuses a network, a scheduler and images that do not belong together, or what gsu has no sampler for.

    Args:
        unet: config of the network.
        scheduler: config of the scheduler.
        shape: ``(c, h, w)`` of the images.

    Raises:
        CheckpointError: naming what differs.
    """
    if str(scheduler.prediction_type) not in PREDICTION_TYPES:
        near = did_you_mean(str(scheduler.prediction_type), PREDICTION_TYPES)
        raise CheckpointError(
            f"prediction_type in {SCHEDULER} must be one of {', '.join(PREDICTION_TYPES)}",
            found=scheduler.prediction_type,
            way_out=f"{near}Write the one that the network was trained with",
        )
    learned = str(scheduler.get("variance_type") or "").startswith("learned")
    if learned or unet.out_channels != unet.in_channels:
        found = f"variance_type {scheduler.variance_type}" if learned else f"out_channels {unet.out_channels}"
        raise CheckpointError(
            "the network must say one prediction for each channel of an image, without a learned variance",
            found=f"{found} for in_channels {unet.in_channels}",
            way_out="Choose a model of a fixed variance",
        )
    if scheduler.thresholding:
        raise CheckpointError(
            f"thresholding in {SCHEDULER} must be false: gsu clips images to a fixed range",
            found=scheduler.thresholding,
            way_out="Write clip_sample true in its place",
        )
    if scheduler.clip_sample and not _positive(scheduler.clip_sample_range):
        raise CheckpointError(
            f"clip_sample_range in {SCHEDULER} must be a number above 0",
            found=scheduler.clip_sample_range,
            way_out="Write 1.0 for images in [-1, 1]",
        )
    if unet.num_class_embeds is not None or unet.class_embed_type is not None:
        raise CheckpointError(
            "model=unet2d must be an unconditional network, as diffusers' pipelines of pixels are",
            found=f"num_class_embeds {unet.num_class_embeds}, class_embed_type {unet.class_embed_type} in {UNET}",
            way_out="Write a class of your own around the network, see `gsu show docs/conditional.md`, or train "
            "one by `gsu train model=ddpm_conditional`",
        )
    _check_times(unet, scheduler)
    _check_shape(unet, shape)


def _check_shape(unet: Any, shape: tuple[int, int, int]) -> None:
    """Whether the network takes images of the data set, and can halve them as often as it does."""
    c, h, w = shape
    sizes = unet.sample_size if isinstance(unet.sample_size, list | tuple) else (unet.sample_size,) * 2
    if unet.in_channels != c or (unet.sample_size is not None and tuple(sizes) != (h, w)):
        expected = (unet.in_channels, *sizes)
        raise CheckpointError(
            f"the network of {UNET} must be for images of the data set's shape {shape}",
            found=f"in_channels and sample_size {expected}",
            way_out="Choose the data set that it was trained on"
            + (f", or {SCALED}: dataset.size={sizes[0]}" if unet.in_channels == c and len({*sizes}) == 1 else ""),
        )
    factor = 2 ** (len(unet.block_out_channels) - 1)
    if h % factor or w % factor:
        raise CheckpointError(
            f"the network of {UNET} halves images {len(unet.block_out_channels) - 1} times, so {factor} must divide "
            "height and width",
            found=f"{h} x {w}",
            way_out=f"Choose other data, or {SCALED}",
        )


def _check_times(unet: Any, scheduler: Any) -> None:
    T = scheduler.num_train_timesteps
    if unet.time_embedding_type not in ("positional", "learned"):
        raise CheckpointError(
            f"time_embedding_type in {UNET} must be positional or learned: noise levels are numbered",
            found=unet.time_embedding_type,
            way_out="Choose a model that was trained with a DDPMScheduler",
        )
    if unet.time_embedding_type == "learned" and (unet.num_train_timesteps or 0) < T:
        raise CheckpointError(
            f"a learned time embedding needs all {T} noise levels of the scheduler",
            found=f"num_train_timesteps {unet.num_train_timesteps} in {UNET}",
            way_out="Copy the scheduler's folder again",
        )
    if not is_int(scheduler.get("steps_offset", 0), 0):
        raise CheckpointError(
            f"steps_offset in {SCHEDULER} must be an integer >= 0",
            found=repr(scheduler.steps_offset),
            way_out="Write 0, or copy the scheduler's folder again",
        )
    if scheduler.rescale_betas_zero_snr and scheduler.prediction_type == "epsilon":
        raise CheckpointError(
            "rescale_betas_zero_snr must go with another prediction than epsilon: of pure noise, noise says no image",
            found="prediction_type epsilon",
            way_out="Choose a model of v_prediction or sample",
        )


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
