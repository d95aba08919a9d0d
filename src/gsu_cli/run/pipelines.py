"""Folders of diffusers' pipelines: which part lies where, and which of them are diffusion models of pixels.

    model_index.json                     which class each part has
    unet/config.json                     options of a UNet2DModel
    unet/diffusion_pytorch_model.*       its weights
    scheduler/scheduler_config.json      options of a DDPMScheduler or DDIMScheduler

Files are read as JSON alone: no class that they name is imported.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from gsu_cli.errors import CheckpointError
from gsu_cli.run.json_files import read_config

INDEX = "model_index.json"
UNETS, SCHEDULERS = ("UNet2DModel",), ("DDPMScheduler", "DDIMScheduler")
PIPELINES = {"DDPMScheduler": "DDPMPipeline", "DDIMScheduler": "DDIMPipeline"}
PIXELS = "a folder of diffusers must hold a diffusion model of pixels: a UNet2DModel and a DDPM or DDIM scheduler"
SAVE = "Save both with DDPMPipeline(unet, scheduler).save_pretrained(folder)"
OF_AN_AVERAGE = "unet_ema"


def is_pipeline(path: Path) -> bool:
    """Whether a folder is one that a pipeline was saved to."""
    return (path / INDEX).is_file()


def holds_unet(path: Path) -> bool:
    """Whether a path is such a folder, its UNet's, or a file of its weights."""
    folder = path if path.is_dir() else path.parent
    if is_pipeline(folder):
        return True
    with contextlib.suppress(CheckpointError):
        return read_config(folder / "config.json", "").get("_class_name") in UNETS
    return False


def unet_in(folder: Path, key: str) -> Path:
    """The folder of the UNet in that of a pipeline.

    Args:
        folder: of the pipeline.
        key: the option that named it, for messages.

    Raises:
        CheckpointError: the pipeline is of another kind, or has no such folder, or two.
    """
    check_index(folder)
    found = folder / "unet"
    if not found.is_dir():
        raise CheckpointError("a folder of diffusers must hold its UNet", found=f"no unet/ in {folder}", way_out=SAVE)
    if (folder / OF_AN_AVERAGE).is_dir():
        raise CheckpointError(
            f"`{key}` must be the folder of one UNet",
            found=f"unet and {OF_AN_AVERAGE} in {folder}",
            way_out=f"Type {key}={folder / OF_AN_AVERAGE} for the averaged weights",
        )
    return found


def check_index(folder: Path) -> dict[str, str]:
    """The class of each part that a pipeline's index names.

    Raises:
        CheckpointError: the index is damaged, or names other parts than a UNet2DModel and one of the schedulers.
    """
    index = read_config(folder / INDEX, "a pipeline")
    classes = {name: _class(value) for name, value in index.items() if not name.startswith("_")}
    parts = {name: found for name, found in classes.items() if found is not None}
    kind = str(index.get("_class_name"))
    wrong = {name: found for name, found in parts.items() if name not in ("unet", "scheduler")}
    if wrong:  # an autoencoder or a text encoder: pixels are not what is denoised
        named = ", ".join(f"{name} {found}" for name, found in wrong.items())
        raise CheckpointError(PIXELS, found=f"{kind} with {named} in {folder}", way_out=_other(wrong))
    if parts.get("unet") not in UNETS:
        raise CheckpointError(PIXELS, found=f"{kind} with {parts.get('unet', 'no UNet')} in {folder}", way_out=SAVE)
    check_scheduler(parts.get("scheduler"), folder)
    return parts


def check_scheduler(kind: object, folder: Path) -> None:
    """Refuses a scheduler of which gsu does not know the noise.

    Raises:
        CheckpointError: with its class.
    """
    if kind not in SCHEDULERS:
        raise CheckpointError(
            f"the scheduler of a folder of diffusers must be one of {', '.join(SCHEDULERS)}",
            found=f"{kind or 'none'} in {folder}",
            way_out="Save the UNet with the DDPMScheduler that it was trained with",
        )


def read_parts(weights: Path) -> dict[str, Any]:
    """Options of the UNet whose weights these are, and of its scheduler, ``_class_name`` among them.

    Raises:
        CheckpointError: a file is missing or damaged, or one part is of another kind.
    """
    folder = weights.parent
    unet = read_config(folder / "config.json", "a UNet2DModel")
    if unet.get("_class_name", "UNet2DModel") not in UNETS:
        raise CheckpointError(PIXELS, found=f"{unet['_class_name']} in {folder / 'config.json'}", way_out=SAVE)
    root = folder.parent
    kind = check_index(root)["scheduler"] if is_pipeline(root) else None
    path = root / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        raise CheckpointError(
            "a UNet2DModel needs the scheduler that it was trained with beside it",
            found=f"no {path}",
            way_out=SAVE,
        )
    scheduler = read_config(path, "a scheduler")
    kind = kind or scheduler.get("_class_name")
    check_scheduler(kind, path)
    return {"unet": unet, "scheduler": {**scheduler, "_class_name": kind}}


def _class(value: object) -> str | None:
    """The class in ``["diffusers", "UNet2DModel"]``; None where a part was left out."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(word, str) for word in value):
        return str(value[1])
    return None


def _other(parts: dict[str, str]) -> str:
    if "AutoencoderKL" in parts.values():
        name = next(name for name, kind in parts.items() if kind == "AutoencoderKL")
        return f"Take its autoencoder alone with model=autoencoder_kl and the folder {name}, or a model of pixels"
    return "Choose a model that was saved by DDPMPipeline or DDIMPipeline"
