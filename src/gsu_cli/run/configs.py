"""Where the configs are. Standard library only: help and completion ask before anything else is imported."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> Path:
    """``conf/`` inside the installed package, else beside ``src/`` in a working copy."""
    package = Path(__file__).resolve().parents[1]
    packed = package / "conf"
    return packed if packed.is_dir() else package.parents[1] / "conf"


USUAL: dict[str, dict[str, str]] = {
    "model": {"": "mlp_vae", "avatars": "conv_vae", "celeba": "conv_vae_photos"},
    "training": {"": "default", "avatars": "faces", "celeba": "faces"},
}
"""Group -> data set -> what `gsu train` takes where the line names nothing; "" stands for every other data set."""


def usual(group: str, dataset: str) -> str:
    """The choice of a group that suits a data set: ``${gsu.usual:model,${dataset}}`` in a defaults list.

    >>> usual("model", "celeba"), usual("model", "pets")
    ('conv_vae_photos', 'mlp_vae')
    """
    choices = USUAL[group]
    return choices.get(dataset, choices[""])
