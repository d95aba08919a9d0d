"""From a composed config to the objects of a run. DictConfig ends here."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.checks import as_flag, as_int
from gsu_cli.data.base import Dataset, OnProgress
from gsu_cli.data.contents import counts, describe_counts, repeated
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.errors import CheckpointError, GsuError, UsageError, did_you_mean
from gsu_cli.models.contract import check_generator
from gsu_cli.report.settings import making
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.device import choose, choose_precision
from gsu_cli.run.lineage import architecture, recipe
from gsu_cli.run.pretrained import shipped, shipped_names
from gsu_cli.run.seeds import generator
from gsu_cli.run.session import Session
from gsu_cli.run.weight_files import find_weights
from gsu_cli.surgery.ranks import ranks
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console
from gsu_cli.verbs.build import build, chosen
from gsu_cli.verbs.conditions import check_conditions
from gsu_cli.verbs.models import import_checkpoint, import_options
from gsu_cli.verbs.places import absolute
from gsu_cli.verbs.proposed_lines import dataset_words


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The resolved config as plain values."""
    values = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)  # noqa: S101  # a DictConfig becomes a dict
    return {str(k): v for k, v in values.items()}


def open_session(cfg: DictConfig) -> Session:
    """The session of this run in the folder that Hydra made for it."""
    hydra = HydraConfig.get()
    verb = str(hydra.job.name)
    _seed("seed", cfg.seed)  # before those that take its value
    seeds = {str(k): _seed(f"seeds.{k}", v) for k, v in cfg.seeds.items()}
    command = ["gsu", verb, *[shlex.quote(str(o)) for o in hydra.overrides.task]]
    where = choose(cfg.get("device", "auto"))
    precision = choose_precision(cfg.get("precision", "float32"), where)
    return Session(Path(hydra.runtime.output_dir), verb, absolute(plain(cfg)), command, seeds, where, precision)


def _seed(name: str, value: object) -> int:
    if isinstance(value, str) and value.isdecimal():
        raise UsageError(f"`{name}` must be an integer >= 0", found=repr(value), way_out=f"Type {name}={int(value)}")
    return as_int(name, value, 0)


def load_dataset(cfg: DictConfig, session: Session, load: Callable[[DictConfig], Dataset] | None = None) -> Dataset:
    """Loads ``cfg.dataset``, by ``load`` where one is given, records what was really seen, and says so."""
    with session.stage("load"):
        with ranks().first_alone():  # what it downloads or caches, the others find
            dataset = (load or loaded)(chosen(cfg, "dataset"))
        remarks = [*dataset.remarks, *filter(None, [repeated(dataset)])]
        dataset = replace(dataset, words=dataset_words(cfg.dataset))
        session.record.inputs["dataset"] = {
            "name": dataset.name,
            "source": dataset.source,
            "note": dataset.note,
            "remarks": remarks,
            "sha256": dataset.digest(),
            "n": {"train": len(dataset.train), "heldout": len(dataset.heldout)},
            "counts": counts(dataset),
            "shape": list(dataset.shape),
            "classes": dataset.class_names,
            "attributes": list(dataset.attribute_names),
        }
    console.say(f"{dataset.name}: {dataset.source}")
    for line in describe_counts(dataset):
        console.say(f"  {line}")
    for note in filter(None, (dataset.note, *remarks)):
        console.note(note)
    return dataset


def loaded(cfg: DictConfig) -> Dataset:
    """The data set of a config in memory, with a bar where that takes long enough for ``load`` to have one."""
    source = build(cfg, key="dataset")
    more: dict[str, OnProgress] = {}
    with console.work_bar("loading") as update:
        if "on_progress" in inspect.signature(source.load).parameters:
            more["on_progress"] = lambda done, total: update(done, total, "images")
        dataset: Dataset = source.load(**more)
    return dataset


def flag(cfg: DictConfig, key: str) -> bool:
    """An option that is true or false; a word would count as true in silence.

    Raises:
        UsageError: it is neither.
    """
    return as_flag(key, OmegaConf.select(cfg, key))


def forget_spec(forget: DictConfig) -> ForgetSpec | None:
    """The one place where the keyword-named ``forget.class`` is read."""
    values = OmegaConf.to_container(forget, resolve=True)
    assert isinstance(values, dict)  # noqa: S101  # a DictConfig becomes a dict
    return ForgetSpec.optional(
        class_=values["class"], attribute=values["attribute"], sample=values["sample"], fraction=values["fraction"]
    )


def resolve_split(spec: ForgetSpec, dataset: Dataset, session: Session) -> Split:
    """Index sets of the spec, recorded."""
    split = spec.resolve(dataset, generator=generator(session.record.seeds["unlearn"], "forget", "fraction"))
    session.record.split = {
        "forget": split.words,
        "slug": split.slug,
        "sha256": split.digest(),
        "seed": None if split.fraction is None else session.record.seeds["unlearn"],
        "dataset_sha256": session.record.inputs["dataset"]["sha256"],
        "n_forget": split.n_forget,
        "n_retain": split.n_retain,
        "n_heldout": split.n_heldout,
        "n_heldout_forget": len(split.heldout_forget),
        "n_heldout_retain": len(split.heldout_retain),
        "target_classes": None if split.target_classes is None else list(split.target_classes),
        "target_attribute": split.target_attribute,
    }
    return split


def open_checkpoint(cfg: DictConfig, dataset: Dataset, session: Session) -> Checkpoint:
    """The checkpoint of ``cfg.checkpoint``: a path, or one that ships for the data set."""
    path = weights_file("checkpoint.path", cfg.checkpoint.path) or shipped(dataset.name, cfg.checkpoint.name)
    if path is None:
        names = [name.split("/")[1] for name in shipped_names(dataset.name) if not name.endswith("/judge")]
        make = f"Make one with `gsu train {dataset.words}`, then pass "
        hint = (
            f"These ship: checkpoint.name={' or '.join(names)}"
            if names
            else make + "checkpoint.path=<folder>/model.safetensors"
        )
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
    missing = [m for m in ("sample", "generation_parameters") if not callable(getattr(checkpoint.model, m, None))]
    if not missing and not type(checkpoint.model).__module__.startswith("gsu_cli."):
        check_generator(checkpoint.model, dataset.shape)  # one of somebody's own may have changed since
    if missing:
        raise CheckpointError(
            "`checkpoint.path` must hold a generator",
            found=f"{type(checkpoint.model).__name__}, which has no {missing[0]}(), in {path}",
        )
    check_conditions(checkpoint.model, dataset, checkpoint.path)
    checkpoint.model.to(session.device)
    session.record.inputs["checkpoint"] = describe(checkpoint)
    return checkpoint


def peek(cfg: DictConfig) -> Any:
    """The model of a checkpoint that carries its class, before the data set is loaded; None where it must wait."""
    if cfg.get("model") is not None:
        return None
    try:
        name = str(HydraConfig.get().runtime.choices.get("dataset"))
        path = weights_file("checkpoint.path", cfg.checkpoint.path) or shipped(name, str(cfg.checkpoint.name))
        return None if path is None else load_checkpoint(path).model
    except GsuError:  # whoever opens it will say so
        return None


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
    """How the checkpoint was trained, where it says so."""
    values = recipe(checkpoint.about)
    return Recipe(**values) if values else None
