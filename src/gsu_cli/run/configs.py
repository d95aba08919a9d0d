"""Where the configs are. Standard library only: help and completion ask before anything else is imported."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def conf_dir() -> Path:
    """``conf/`` inside the installed package, else beside ``src/`` in a working copy."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "conf"
    return packed if packed.is_dir() else package.parents[1] / "conf"


USUAL: dict[str, dict[str, str]] = {
    "model": {"": "mlp_vae", "avatars": "conv_vae", "celeba": "conv_vae_photos", "cifar": "conv_vae_images"},
    "training": {"": "default", "avatars": "faces", "celeba": "faces", "cifar": "faces"},
}
"""Group -> data set -> what `gsu train` takes where the line names nothing; "" stands for every other data set."""

LARGE: dict[str, str] = {"model": "conv_vae_images", "training": "faces"}
"""Group -> what takes the place of "" where the images, once loaded, are coloured or of 32 pixels and more."""


RECIPES: dict[str, str] = {"ddpm": "ddpm", "ddpm_conditional": "ddpm", "dcgan": "dcgan"}
"""Model -> its recipe, whatever the data set."""


def usual(group: str, dataset: str | None, model: str | None = None) -> str:
    """The choice of a group that suits a data set: ``${gsu.usual:model,...}`` in a list of defaults.

    Args:
        group: to choose from.
        dataset: the choice of that group; None where a class of one's own stands there.
        model: the choice of that group, where a line or an experiment names one; it may bring its recipe.

    >>> usual("model", "celeba"), usual("model", "pets"), usual("training", "celeba", "ddpm")
    ('conv_vae_photos', 'mlp_vae', 'ddpm')
    """
    if group == "training" and model in RECIPES:
        return RECIPES[model]
    choices = USUAL[group]
    return choices.get(dataset or "", choices[""])
