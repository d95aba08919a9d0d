"""Folders of other libraries: read without naming the class, and written beside gsu's own weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gsu_cli.models.stored import WritesFolder
from gsu_cli.run.configs import conf_dir
from gsu_cli.run.files import atomic_folder, sha256_of
from gsu_cli.run.pipelines import holds_unet
from gsu_cli.run.provenance import config_hash
from gsu_cli.run.session import Session
from gsu_cli.verbs import console
from gsu_cli.verbs.opening_session import plain

CHOICE = "unet2d"  # of the group model


def is_pipeline_folder(checkpoint: DictConfig) -> bool:
    """Whether ``checkpoint.path`` says itself which class its weights are of."""
    return checkpoint.path is not None and holds_unet(Path(str(checkpoint.path)).expanduser())


def with_its_class(cfg: DictConfig, session: Session) -> DictConfig:
    """``cfg`` with the class that a folder of diffusers names, where the line names none; the record hears of it."""
    if cfg.get("model") is not None or not is_pipeline_folder(cfg.checkpoint):
        return cfg
    new = cfg.copy()
    OmegaConf.set_struct(new, False)
    new.model = OmegaConf.load(conf_dir() / "model" / f"{CHOICE}.yaml")
    session.record.config = plain(new)
    session.record.config_hash = config_hash(session.record.config)
    return new


def write_folder(session: Session, model: Any, name: str) -> None:
    """The model as a folder of its library, for those whose class writes one; the record names it.

    Args:
        session: of the run.
        model: as it lies on disk.
        name: of its weights, ``unlearned``; the folder is called so, too.

    Raises:
        OutputError: it cannot be written.
    """
    if not isinstance(model, WritesFolder):
        return
    path = session.folder / name
    with atomic_folder(path) as temporary:
        model.save_folder(temporary)
    weights = sorted(path.rglob("*.safetensors"))
    session.record.outputs[f"{name}_folder"] = {"path": name, "sha256": sha256_of(weights[0])}
    console.say(f"{name}, as a folder of diffusers: ", path)
