"""Models from configs: those to be trained, and those whose weights gsu did not write."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gsu_cli.data.base import Dataset
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint, read_tensors, save_checkpoint
from gsu_cli.run.files import sha256_of
from gsu_cli.run.foreign import load_into, read_state_dict
from gsu_cli.run.session import Session
from gsu_cli.verbs.build import build

IMPORTED = "imported.safetensors"
CONTRACT = ("loss", "config")
GENERATOR = ("sample", "generation_parameters")


def build_model(cfg: DictConfig, dataset: Dataset) -> Any:
    """A model from its config, told the shape of the images, and the labels or attributes where it judges.

    Raises:
        UsageError: the class cannot be built so, or lacks a member of the contract.
    """
    kind = build(cfg, _partial_=True).func
    known = {
        "shape": list(dataset.shape),
        "labels": sorted(dataset.class_names),
        "attributes": list(dataset.attribute_names),
    }
    takes = inspect.signature(kind).parameters
    model = build(cfg, **{k: v for k, v in known.items() if k in takes})
    judges = bool({"labels", "attributes"} & set(takes))  # and draws nothing
    needed = CONTRACT if judges else (*CONTRACT, *GENERATOR)
    if missing := [f"{name}()" for name in needed if not callable(getattr(model, name, None))]:
        raise UsageError(
            "a model needs loss(), config(), sample() and generation_parameters()",
            found=f"{type(model).__name__} without {', '.join(missing)}",
            way_out="docs/own-model.md has an example",
        )
    return model


def import_checkpoint(cfg: DictConfig, path: Path, dataset: Dataset, session: Session) -> Checkpoint:
    """The weights of ``path`` in the class of ``cfg.model``, kept in the run's folder as a checkpoint of gsu.

    Raises:
        CheckpointError: the file carries its class already, or does not fit the one named.
        UsageError: the class cannot be built.
    """
    if _is_ours(path):
        raise CheckpointError(
            "`model` is for weights that do not carry their class",
            found=f"{path}, written by gsu",
            way_out="Leave out model",
        )
    model = build_model(cfg.model, dataset)
    options: dict[str, Any] = {"entry": cfg.checkpoint.entry, "rename": dict(cfg.checkpoint.rename or {})}
    load_into(model, read_state_dict(path, **options), path)
    about = {"dataset": dataset.name, "imported": {"path": str(path), "sha256": sha256_of(path), **options}}
    save_checkpoint(session.folder / IMPORTED, model, about=about)
    return load_checkpoint(session.folder / IMPORTED, shape=dataset.shape)


def _is_ours(path: Path) -> bool:
    try:
        read_tensors(path)
    except CheckpointError:
        return False
    return True
