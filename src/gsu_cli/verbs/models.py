"""Models from configs: those to be trained, and those whose weights gsu did not write."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from gsu_cli.data.base import Dataset, Images
from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.contract import check_generator
from gsu_cli.models.plausible import Evidence, examine
from gsu_cli.models.protocols import HasLoss, Trainable
from gsu_cli.models.rebuild_check import check_rebuilds, is_own
from gsu_cli.models.stored import Translates
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from gsu_cli.run.import_entries import Chosen, few
from gsu_cli.run.import_weights import load_into, read_foreign
from gsu_cli.run.refusals import IMPORTED
from gsu_cli.run.seeds import generator
from gsu_cli.run.session import Session
from gsu_cli.run.tensor_files import read_tensors
from gsu_cli.run.weight_files import find_weights
from gsu_cli.surgery.compiled_parts import uncompiled
from gsu_cli.unlearning.diagnostics import enough
from gsu_cli.verbs import console
from gsu_cli.verbs.build import build
from gsu_cli.verbs.conditions import conditional_weights, with_shares
from gsu_cli.verbs.wanted_conditions import conditions_wanted

CONTRACT = ("config",)
GENERATOR = ("sample", "generation_parameters")
FAR = 0.5  # of the training loss above it: other images than those of the training


def build_model(cfg: DictConfig, dataset: Dataset, weights: Path | None = None) -> Any:
    """A model from its config, told the shape of the images, and the labels or attributes where it judges.

    Args:
        cfg: of the group ``model``.
        dataset: whose images it is for.
        weights: the file that will be loaded; an adapter of a library reads its options beside it.

    Raises:
        UsageError: the class cannot be built so, or lacks a member of the contract.
    """
    kind = build(cfg, key="model", _partial_=True).func
    beside = getattr(kind, "options_beside", None)
    known = {
        "shape": list(dataset.shape),
        "labels": sorted(dataset.class_names),
        "attributes": list(dataset.attribute_names),
    }
    takes = arguments_of(kind)
    _agree(cfg, {k: v for k, v in known.items() if k in takes})
    if "conditions" in takes:
        known["conditions"] = conditions_wanted(cfg, dataset)
    more = beside(weights) if weights is not None and callable(beside) else {}
    model = build(cfg, key="model", **{k: v for k, v in known.items() if k in takes}, **more)
    if isinstance(model, torch.nn.Module):
        uncompiled(model)
    judges = bool({"labels", "attributes"} & set(takes))  # and generates nothing
    needed = CONTRACT if judges else (*CONTRACT, *GENERATOR)
    missing = [f"{name}()" for name in needed if not callable(getattr(model, name, None))]
    if not isinstance(model, HasLoss | Trainable):
        missing = ["loss()", *missing]
    if missing:
        raise UsageError(
            "a model needs loss(), config(), sample() and generation_parameters()",
            found=f"{type(model).__name__} without {', '.join(missing)}",
            way_out="See `gsu show docs/own-model.md` for an example",
        )
    if not judges:
        check_generator(model, dataset.shape)
    if is_own(model):
        check_rebuilds(model, dataset.shape)
    return model


def _agree(cfg: DictConfig, known: Mapping[str, Any]) -> None:
    """Refuses a config that says otherwise what is read off the data; it would count for nothing."""
    for name, value in known.items():
        said = OmegaConf.to_container(cfg, resolve=True).get(name)  # type: ignore[union-attr]
        if said is not None and said != value:
            raise UsageError(
                f"`model.{name}` must be that of the data, {value}", found=said, way_out="Leave it out: gsu fills it in"
            )


def arguments_of(kind: Any) -> set[str]:
    """Names that a class's constructor takes; ``**options`` are those of the class above."""
    found: set[str] = set()
    for above in inspect.getmro(kind) if inspect.isclass(kind) else ():
        if "__init__" in vars(above):
            takes = inspect.signature(vars(above)["__init__"]).parameters.values()
            found |= {p.name for p in takes if p.name != "self"}
            if not any(p.kind is p.VAR_KEYWORD for p in takes):
                return found
    return found | set(inspect.signature(kind).parameters)


def import_checkpoint(cfg: DictConfig, path: Path, dataset: Dataset, session: Session) -> Checkpoint:
    """The weights of ``path`` in the class of ``cfg.model``, kept in the run's folder as a checkpoint of gsu.

    Raises:
        CheckpointError: the file carries its class already, does not fit the one named, or the two together fit the
            training images no better than one constant image.
        UsageError: the class cannot be built, or does not keep what a generator promises.
    """
    files = find_weights(path)
    if _is_ours(files.path):
        raise CheckpointError(
            "`model` is for weights that do not carry their class",
            found=f"{files.path}, written by gsu",
            way_out="Leave out model",
        )
    model = build_model(cfg.model, dataset, weights=files.path)
    options = import_options(cfg.checkpoint)
    found = read_foreign(files.path, **options, own=model.state_dict())
    tensors = model.translated(found.tensors) if isinstance(model, Translates) else found.tensors
    with conditional_weights(model, tensors, files.path):
        told, shares = with_shares(model, tensors, dataset)
        done = load_into(model, told, files.path, rename=options["rename"], entry=found.entry)
    evidence = _examine(model.eval(), dataset, files.path)
    notes = [*_siblings(found), *shares, *evidence.notes]
    about: dict[str, Any] = {
        "path": str(files.path.absolute()),
        "sha256": files.sha256(),
        "entry": found.entry,
        "rename": options["rename"],
        "dropped": list(found.dropped),
        "filled": done.filled,
        "converted": list(done.converted),
        "check": evidence.facts,
    }
    for text in notes:
        console.note(text, session.record)
    for what in done.converted:
        console.say(f"weights were converted: {what}")
    if found.dropped:
        console.say(f"left out of {files.path.name}: {few(list(found.dropped))}")
    save_checkpoint(session.folder / IMPORTED, model, about={"dataset": dataset.name, "imported": about})
    return load_checkpoint(session.folder / IMPORTED, shape=dataset.shape)


def check_fits(checkpoint: Checkpoint, dataset: Dataset, sha256: str | None) -> list[str]:
    """What a reader must know of weights of ours that were trained on other images than were loaded.

    Args:
        checkpoint: with what it says of its training.
        dataset: as it was loaded.
        sha256: of it.

    Raises:
        CheckpointError: they explain these images no better than one constant image, and far worse than those that
            they were trained on. What a method made is let through: a ruined model is a finding.
    """
    about = checkpoint.about
    if about.get("dataset_sha256") in (None, sha256) or about.get("method"):
        return []
    if dataset.whole is not None and about["dataset_sha256"] == dataset.whole.digest():
        return []
    if not _far_above(about.get("loss"), checkpoint.model.eval(), dataset):
        return []
    try:
        return _examine(checkpoint.model, dataset, checkpoint.path).notes
    except CheckpointError as e:
        raise CheckpointError(
            e.rule,
            found=e.found,
            way_out=f"Load {about.get('dataset')}, on which it was trained, or train a model on these images with "
            f"`gsu train {dataset.words}`",
        ) from e


def _far_above(trained: object, model: Any, dataset: Dataset) -> bool:
    """Whether some of the images lie far above the training loss that a file names; False where it names none."""
    if not isinstance(trained, float) or not isinstance(model, HasLoss):
        return False
    images = _some(dataset)
    with torch.no_grad():
        loss = model.loss(images.floats(), images.labels, generator(0, "plausible", "loss")).double().mean().item()
    return not loss <= trained + FAR * abs(trained)  # also nan


def _some(dataset: Dataset) -> Images:
    """Training images at random, the same in every run."""
    n = min(len(dataset.train), enough(math.prod(dataset.shape)))
    return dataset.train[torch.randperm(len(dataset.train), generator=generator(0, "plausible", "images"))[:n]]


def _examine(model: Any, dataset: Dataset, path: Path) -> Evidence:
    """What the weights do to some training images."""
    images = _some(dataset)
    return examine(model, images.floats(), images.labels, path, generator=generator(0, "plausible", "latents"))


def _siblings(found: Chosen) -> list[str]:
    if not found.beside:
        return []
    taken = found.entry or "what was taken"
    return [f"the weights are those of {taken}; of the same shapes are {', '.join(found.beside)} (EMA beside raw?)"]


def import_options(checkpoint: DictConfig) -> dict[str, Any]:
    """``checkpoint.entry`` and ``checkpoint.rename`` as plain values.

    Raises:
        UsageError: ``rename`` is no mapping.
    """
    entry, rename = checkpoint.entry, checkpoint.rename
    if rename is not None and not isinstance(rename, DictConfig):
        raise UsageError(
            "`checkpoint.rename` must map beginnings of names",
            found=rename,
            way_out="Type 'checkpoint.rename={fc1.:encoder.0.}'",
        )
    names = {_beginning(old): None if new is None else _beginning(new) for old, new in (rename or {}).items()}
    return {"entry": None if entry is None else str(entry), "rename": names}


def _beginning(value: object) -> str:
    """What was typed: Hydra reads ``0.``, the beginning of a layer's names, as the number 0.0."""
    return f"{int(value)}." if isinstance(value, float) and value.is_integer() else str(value)


def _is_ours(path: Path) -> bool:
    try:
        read_tensors(path)
    except CheckpointError:
        return False
    return True
