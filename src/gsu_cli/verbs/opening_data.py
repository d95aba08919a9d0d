"""The data set of a run, and what of it is to be forgotten: loaded, recorded and said."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gsu_cli.data.base import Canaries, Dataset, OnProgress
from gsu_cli.data.canaries import Planting
from gsu_cli.data.contents import counts, describe_counts
from gsu_cli.data.contract_check import check_dataset
from gsu_cli.data.copies import dark, kept_copies, repeated, unlike
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.one_sided import alike, one_sided, unchecked
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.run.seeds import generator
from gsu_cli.run.session import Session
from gsu_cli.surgery.ranks import ranks
from gsu_cli.verbs import console
from gsu_cli.verbs.build import build, chosen
from gsu_cli.verbs.line_keys import PLANTED, is_typed, planted
from gsu_cli.verbs.proposed_lines import dataset_words


def load_dataset(cfg: DictConfig, session: Session, load: Callable[[DictConfig], Dataset] | None = None) -> Dataset:
    """Loads ``cfg.dataset``, by ``load`` where one is given, records what was really seen, and says so.

    Raises:
        UsageError: copies of canaries without canaries.
        DataError: the data cannot be read.
    """
    if is_typed("dataset.canary_copies") and not cfg.dataset.get("canaries"):
        raise UsageError(
            "`dataset.canary_copies` must come with dataset.canaries",
            found="no canaries",
            way_out="Type dataset.canaries=10",
        )
    with session.stage("load"):
        with ranks().first_alone():  # what it downloads or caches, the others find
            dataset = (load or read_dataset)(chosen(cfg, "dataset"))
        looks = (one_sided, unchecked, alike, repeated, dark, unlike)
        remarks = [*dataset.remarks, *filter(None, (look(dataset) for look in looks))]
        dataset = replace(dataset, words=dataset_words(cfg.dataset))
        session.record.config["dataset"] = planted(session.record.config["dataset"])
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
            **({} if dataset.canaries is None else {"canaries": _planted(dataset.canaries)}),
        }
    console.say(f"{dataset.name}: {dataset.source}")
    for line in describe_counts(dataset):
        console.say(f"  {line}")
    for note in filter(None, (dataset.note, *remarks)):
        console.note(note)
    return dataset


def _planted(canaries: Canaries) -> dict[str, Any]:
    """For the record: where each lies, for `forget.sample`."""
    rows = canaries.index().view(canaries.n, canaries.copies).tolist()
    return {"n": canaries.n, "copies": canaries.copies, "controls": len(canaries.controls), "train": rows}


def read_dataset(cfg: DictConfig) -> Dataset:
    """The data set of a config in memory, with a bar where that takes long enough for ``load`` to have one."""
    planting, source = sources(cfg)
    more: dict[str, OnProgress] = {}
    with console.work_bar("loading") as update:
        if "on_progress" in inspect.signature(source.load).parameters:
            more["on_progress"] = lambda done, total: update(done, total, "images")
        dataset = check_dataset(source.load(**more), source)
    return planting.into(dataset)


def sources(cfg: DictConfig) -> tuple[Planting, Any]:
    """What is planted into a data set, and what loads it.

    Raises:
        UsageError: an option of either means nothing.
    """
    own = cfg.copy()
    OmegaConf.set_struct(own, False)
    n, copies = (own.pop(key, None) for key in PLANTED)
    planting = Planting() if n is None else Planting(n, copies)  # a run of before canaries has neither
    return planting, build(own, key="dataset")


def resolve_split(spec: ForgetSpec, dataset: Dataset, session: Session) -> Split:
    """Index sets of the spec, recorded; what is retained and equal to what is forgotten is said."""
    split = spec.resolve(dataset, generator=generator(session.record.seeds["unlearn"], "forget", "fraction"))
    if note := kept_copies(split):
        console.note(note)
    session.record.split = {
        "forget": split.words,
        "slug": split.slug,
        "sha256": split.digest(),
        "seed": None if split.fraction is None else session.record.seeds["unlearn"],
        "dataset_sha256": session.record.inputs["dataset"]["sha256"],
        "n_forget": split.n_forget,
        **({"copies": split.copies} if split.by_canary else {}),
        "n_retain": split.n_retain,
        "n_heldout": split.n_heldout,
        "n_heldout_forget": len(split.heldout_forget),
        "n_heldout_retain": len(split.heldout_retain),
        "target_classes": None if split.target_classes is None else list(split.target_classes),
        "target_attribute": split.target_attribute,
    }
    return split
