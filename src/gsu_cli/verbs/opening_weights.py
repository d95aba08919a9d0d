"""The checkpoint of a run: opened, checked and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from gsu_cli.data.base import Dataset
from gsu_cli.errors import CheckpointError, GsuError, UsageError, did_you_mean
from gsu_cli.models.contract import check_generator
from gsu_cli.models.plausible import clipped_samples
from gsu_cli.models.protocols import Samples
from gsu_cli.models.rebuild_check import check_weights_suffice
from gsu_cli.report.settings import making
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint, missing
from gsu_cli.run.lineage import architecture, recipe
from gsu_cli.run.one_line import one_line
from gsu_cli.run.own_code import class_path, versions
from gsu_cli.run.pretrained import shipped, shipped_names
from gsu_cli.run.session import Session
from gsu_cli.run.weight_files import find_weights
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console
from gsu_cli.verbs.conditions import check_conditions
from gsu_cli.verbs.latest_training import trained_here
from gsu_cli.verbs.models import check_fits, import_checkpoint, import_options
from gsu_cli.verbs.pipeline_folder import is_pipeline_folder, with_its_class


def open_checkpoint(cfg: DictConfig, dataset: Dataset, session: Session) -> Checkpoint:
    """The checkpoint of ``cfg.checkpoint``: a path, or one that ships for the data set.

    Raises:
        CheckpointError: none ships under the name, or the file is none that can be read.
        UsageError: options of an import without a model.
    """
    path = weights_file("checkpoint.path", cfg.checkpoint.path) or shipped(dataset.name, cfg.checkpoint.name)
    cfg = with_its_class(cfg, session)
    if path is None:
        names = [name.split("/")[1] for name in shipped_names(dataset.name) if not name.endswith("/judge")]
        make = f"Make one with `gsu train {dataset.words}`, then pass "
        hint = (
            f"These ship: checkpoint.name={' or '.join(names)}"
            if names
            else make + "checkpoint.path=<folder>/model.safetensors"
        )
        loaded = (session.record.inputs.get("dataset") or {}).get("sha256")
        if not names and (here := trained_here(Path(cfg.paths.output_dir), loaded)):
            hint = f"Type checkpoint.path={here}, the latest here that was trained on these images"
        close = did_you_mean(str(cfg.checkpoint.name), names)
        raise CheckpointError(
            f"a checkpoint is needed for {dataset.name}",
            found=f"none that ships under the name {cfg.checkpoint.name!r}",
            way_out=close + hint,
        )
    if cfg.get("model") is None:
        if any(import_options(cfg.checkpoint).values()):
            raise UsageError(
                "`checkpoint.entry` and `checkpoint.rename` must come with the class of the weights",
                found="no model",
                way_out="Name the class with model._target_=my_pkg.MyVae",
            )
        checkpoint = load_checkpoint(path, shape=dataset.shape)
    else:
        checkpoint = import_checkpoint(cfg, path, dataset, session)
    lacks = [m for m in ("sample", "generation_parameters") if not callable(getattr(checkpoint.model, m, None))]
    if not lacks and not type(checkpoint.model).__module__.startswith("gsu_cli."):
        check_generator(checkpoint.model, dataset.shape)  # one of somebody's own may have changed since
        check_weights_suffice(checkpoint.model, dataset.shape, checkpoint.path)
        if cfg.get("model") is None and (clipped := clipped_samples(checkpoint.model)):  # else `examine` refused it
            console.note(clipped, session.record)
    if lacks:
        raise CheckpointError(
            "`checkpoint.path` must hold a generator",
            found=f"{type(checkpoint.model).__name__}, which has no {lacks[0]}(), in {path}",
        )
    check_conditions(checkpoint.model, dataset, checkpoint.path)
    if cfg.get("model") is None:  # an import has looked
        loaded = (session.record.inputs.get("dataset") or {}).get("sha256")
        for text in check_fits(checkpoint, dataset, loaded):
            console.note(text, session.record)
    checkpoint.model.to(session.device)
    session.record.inputs["checkpoint"] = describe(checkpoint)
    session.record.versions |= versions([class_path(checkpoint.model)])
    return checkpoint


def check_files(cfg: DictConfig) -> None:
    """Looks for the weights that a line names before anything is loaded.

    Raises:
        CheckpointError: a file is not there.
    """
    for key, value in named_files(cfg).items():
        if not Path(value).expanduser().exists():
            raise missing(value, key)


def named_files(config: Mapping[Any, Any]) -> dict[str, str]:
    """Options that name weights, with what they name: those of the checkpoint, the retrained model and the judges."""
    judges = {f"judge.{name}": judge for name, judge in (config.get("judge") or {}).items()}
    places = {f"{name}.path": judge.get("path") for name, judge in judges.items() if isinstance(judge, Mapping)}
    found = {f"checkpoint.{name}": config["checkpoint"].get(name) for name in ("path", "retrained")} | places
    return {key: value for key, value in found.items() if isinstance(value, str) and value.strip()}


def peek(cfg: DictConfig) -> Any:
    """The model of a checkpoint that carries its class, before the data set is loaded; None where it must wait.

    Raises:
        CheckpointError: the file that the line names is none.
    """
    if cfg.get("model") is not None or any(import_options(cfg.checkpoint).values()):
        return None
    try:
        name = str(HydraConfig.get().runtime.choices.get("dataset"))
        path = weights_file("checkpoint.path", cfg.checkpoint.path) or shipped(name, str(cfg.checkpoint.name))
        model = None if path is None else load_checkpoint(path).model
        return model if isinstance(model, Samples) else None  # a judge is refused as one where it is opened
    except GsuError:
        if cfg.checkpoint.path is not None and not is_pipeline_folder(cfg.checkpoint):
            raise
        return None  # whoever opens it will say so


def weights_file(key: str, value: object) -> Path | None:
    """The file that an option names, itself or by the folder that holds it alone; None where it names none.

    Raises:
        CheckpointError: the folder holds no weights, or several.
    """
    if value is None:
        return None
    path = Path(str(value)).expanduser()
    if path.is_dir():
        return find_weights(path, key).path
    return path


def describe(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint for the record."""
    made = making(checkpoint.about, architecture(checkpoint.model))
    return {
        "path": str(checkpoint.path.absolute()),
        "sha256": checkpoint.sha256,
        **({} if made is None else {"making": made}),
        "about": checkpoint.about,
    }


def recipe_of(checkpoint: Checkpoint) -> Recipe | None:
    """How the checkpoint was trained, where it says so.

    Raises:
        CheckpointError: what it says is no recipe of this gsu.
    """
    values = recipe(checkpoint.about)
    try:
        return Recipe(**values) if values else None
    except (TypeError, UsageError) as e:
        raise CheckpointError(
            "the recipe in the metadata of a checkpoint must be one of `gsu train`",
            found=f"{one_line(e)} ({checkpoint.path})",
            way_out="Update gsu, or train the model again",
        ) from e
