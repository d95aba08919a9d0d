"""An earlier run measured again: its data, its split, its weights and its judges, found wherever they lie now.

What differs from then and was not typed is refused, with both values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gsu_cli.data.base import Dataset
from gsu_cli.data.split import Split
from gsu_cli.errors import CheckpointError, DataError, UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.models.rebuild_check import check_weights_suffice
from gsu_cli.run.checkpoints import Checkpoint, load_checkpoint
from gsu_cli.run.files import sha256_of
from gsu_cli.run.lineage import brief, differences, sentence
from gsu_cli.run.pretrained import shipped_by_digest
from gsu_cli.run.record import FILE, Record
from gsu_cli.run.session import Session
from gsu_cli.verbs import console
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.changed_code import note_since
from gsu_cli.verbs.conditions import check_conditions
from gsu_cli.verbs.line_keys import choices, is_typed
from gsu_cli.verbs.opening_data import load_dataset, read_dataset
from gsu_cli.verbs.opening_session import plain
from gsu_cli.verbs.opening_weights import describe
from gsu_cli.verbs.proposed_lines import dataset_words
from gsu_cli.verbs.references import is_chosen
from gsu_cli.verbs.retrained import note_retraining, open_reference, taken_as_reference


def load_data(cfg: DictConfig, earlier: Record, session: Session) -> Dataset:
    """The data set that the run saw, from where it lay or from where this line looks; another one where that was typed.

    Raises:
        DataError: the data found are others.
    """
    then = earlier.inputs.get("dataset", {}).get("sha256")
    if then is None:
        console.note("the run does not say which data it saw, so they could not be compared", session.record)
        return load_dataset(cfg, session)
    if choices(plain(cfg.dataset)) != choices(earlier.config.get("dataset") or {}):
        dataset = load_dataset(cfg, session)
        if dataset.digest() != then:
            now = session.record.inputs["dataset"]["sha256"]
            console.note(
                f"other data than the run saw, as typed: sha256 {brief(now)}, then {brief(then)}", session.record
            )
        return dataset

    def load(node: DictConfig) -> Dataset:
        found: list[str] = []
        for attempt in _attempts(cfg, node, earlier):
            try:
                dataset = read_dataset(attempt)
            except DataError as e:
                found.append(str(e))
                continue
            if dataset.digest() == then:
                session.record.config["dataset"] = plain(attempt)
                return dataset
            found.append(f"sha256 {brief(dataset.digest())} ({dataset.source})")
        way_out = "Say where they lie now with paths.data_dir= or GSU_DATA_DIR"
        if "data_dir" not in node:
            way_out = "Make the run again"
            if "path" in node:
                words = dataset_words(OmegaConf.create({k: v for k, v in plain(node).items() if k != "path"}))
                way_out = f"Say where they lie now with {words} dataset.path="
        raise DataError(
            f"`run` must be measured on the data that it saw, sha256 {brief(then)} "
            f"({earlier.inputs['dataset'].get('source')})",
            found=found[-1].rstrip("."),
            way_out=way_out,
        )

    return load_dataset(cfg, session, load)


def _attempts(cfg: DictConfig, node: DictConfig, earlier: Record) -> list[DictConfig]:
    """Configs to try in turn: the run's folder, then this line's; the network last, if it may be asked at all."""
    if "data_dir" not in node:
        return [node]
    here = str(cfg.paths.data_dir)
    if is_typed("dataset.data_dir"):
        folders = [str(node.data_dir)]
    elif is_typed("paths.data_dir"):
        folders = [here]
    else:
        folders = list(dict.fromkeys([str(earlier.config["dataset"]["data_dir"]), here]))
    quiet = {"download": False} if "download" in node else {}
    found = [_with(node, data_dir=folder, **quiet) for folder in folders]
    if node.get("download") is True:
        found.append(_with(node, data_dir=folders[-1]))
    return found


def _with(node: DictConfig, **values: Any) -> DictConfig:
    found = node.copy()
    OmegaConf.set_struct(found, False)
    found.update(values)
    return found


def inputs(earlier: Record, folder: Path, split: Split, session: Session) -> RunInputs:
    """What the run worked with, found wherever it lies now.

    Args:
        earlier: the run's record.
        folder: where it lies.
        split: of the data set loaded here.
        session: of this run.
    """
    if split.n_forget:
        check_split(split, earlier, session)
    found = RunInputs(session, split, open_original(earlier, folder, split.dataset, session), split)
    note_since(earlier, found.first.model, session)
    return found


def with_references(found: RunInputs, cfg: DictConfig, earlier: Record, folder: Path) -> RunInputs:
    """The same with the reference that the run measured, or the one that fits what is typed."""
    found = found.with_references(None)
    if not found.split.n_forget:
        return found
    reference = open_its_reference(
        cfg, earlier, folder, checkpoint=found.first, split=found.measured_on, session=found.session
    )
    note_retraining(earlier.update.get("method"), reference, found.session)
    return replace(found, retrained=reference)


def check_split(split: Split, earlier: Record, session: Session) -> None:
    """Compares what is forgotten here with what the run forgot.

    Raises:
        UsageError: other images, and nobody typed that.
    """
    now, then = session.record.split, earlier.split
    if not then:
        return
    keys = {"forget": "slug", "forget_sha256": "sha256", "forget_seed": "seed", "n_forget": "n_forget"}
    names = list(keys)
    if now["dataset_sha256"] != earlier.inputs.get("dataset", {}).get("sha256") and not is_chosen(split):
        names = ["forget"]  # the same class in other data, as typed
    was, is_now = ({name: source.get(key) for name, key in keys.items()} for source in (then, now))
    found = differences(was, is_now, names)
    if not found:
        return
    if is_typed("forget", "seeds.unlearn", "dataset"):
        console.note(f"other images are forgotten here than by the run, as typed: {sentence(found)}", session.record)
        return
    raise UsageError(
        "`run` must be measured with the images that it forgot",
        found=sentence(found),
        way_out="Put back the file in forget.sample, if it was edited since, or type forget.* to measure another set",
    )


def find_judges(cfg: DictConfig, earlier: Record) -> None:
    """Takes judges' weights that lie elsewhere by now from those that ship, by their digest."""
    then = {judge.get("name"): judge.get("sha256") for judge in earlier.judges}
    for name, judge in (cfg.get("judge") or {}).items():
        path = judge.get("path") if isinstance(judge, DictConfig) else None
        if path is None or Path(str(path)).expanduser().is_file() or is_typed(f"judge.{name}"):
            continue
        if (sha256 := then.get(name)) and (found := shipped_by_digest(sha256)):
            judge.path = str(found)


def check_judges(context: EvaluationContext, earlier: Record) -> None:
    """Refuses judges with other weights than the run's.

    Raises:
        CheckpointError: nobody typed them.
    """
    then = {judge.get("name"): judge.get("sha256") for judge in earlier.judges}
    for name, judge in context.judges.items():
        now = judge.provenance().get("sha256")
        if now and then.get(name) and now != then[name] and not is_typed("judge"):
            raise CheckpointError(
                f"`judge.{name}` must have the weights that judged the run",
                found=f"sha256 {brief(now)} instead of {brief(then[name])}",
                way_out=f"Name them with judge.{name}.path=, or type judge.* to measure with others",
            )


def open_original(earlier: Record, folder: Path, dataset: Dataset, session: Session) -> dict[str, Checkpoint]:
    """The checkpoints that the run measured, but for its retrained reference; by name of the subject.

    Raises:
        CheckpointError: a file has changed since, or the record of an unlearning does not name it.
        UsageError: the run has no weights.
    """
    subjects: dict[str, Checkpoint] = {}
    for name, key in (("original", "checkpoint"), ("unlearned", "unlearned")):
        facts = earlier.outputs.get(key) or earlier.inputs.get(key)
        finished = earlier.verb == "unlearn" and earlier.status == "done"
        if facts is None and not finished:
            continue
        found = _open(name, facts, folder, dataset)
        if "method" in found.about and earlier.verb == "evaluate":
            name = "unlearned"  # that run measured a file alone
        found.model.to(session.device)
        subjects[name] = found
        session.record.inputs[key] = describe(found)
    if not subjects:
        raise UsageError(
            "`run` must be a run with weights to measure",
            found=f"one of `gsu {earlier.verb}` ({earlier.status})",
            way_out="Measure a trained model with checkpoint.path=<folder>/model.safetensors",
        )
    return subjects


def open_its_reference(
    cfg: DictConfig, earlier: Record, folder: Path, *, checkpoint: Checkpoint, split: Split, session: Session
) -> Checkpoint | None:
    """The reference that the run measured; where another one or another forget spec is typed, the one that fits it."""
    facts = earlier.inputs.get("retrained") or earlier.outputs.get("retrained")
    same = earlier.split.get("slug") in (None, split.slug)
    if facts is None or not same or is_typed("checkpoint.retrained"):
        cfg.checkpoint.name = (earlier.config.get("checkpoint") or {}).get("name", cfg.checkpoint.name)
        return open_reference(cfg, checkpoint, split, session)
    found = _open("retrained", facts, folder, split.dataset)
    return taken_as_reference(found, checkpoint, split, session)


def _open(name: str, facts: Mapping[str, Any] | None, folder: Path, dataset: Dataset) -> Checkpoint:
    """Weights by their digest: where they lay, in the run's folder, or among those that ship."""
    if not isinstance(facts, Mapping) or not all(isinstance(facts.get(k), str) for k in ("path", "sha256")):
        raise CheckpointError(
            f"the record of a run must name its {name} weights, with path and sha256",
            found=f"none in {folder / FILE}",
            way_out="Type its line again, or measure a file alone with `gsu evaluate checkpoint.path=FILE`",
        )
    path, sha256 = Path(facts["path"]), facts["sha256"]
    places = [path if path.is_absolute() else folder / path.name, folder / path.name, path]
    there = [place for place in places if place.is_file()]
    found = next((p for p in there if sha256_of(p) == sha256), None) or shipped_by_digest(sha256)
    if found is None and there:
        raise CheckpointError(
            f"the {name} weights must be those that the run measured",
            found=f"sha256 {brief(sha256_of(there[0]))} instead of {brief(sha256)} in {there[0]}",
            way_out=f"Put the file back, or evaluate this one with `gsu evaluate checkpoint.path={there[0]}`",
        )
    if found is None:
        raise CheckpointError(
            f"the {name} weights must lie where the run measured them, or in its folder",
            found=f"none at {places[0]}",
            way_out="Put the file back, or make the run again with the command in its record.json",
        )
    checkpoint = load_checkpoint(found, shape=dataset.shape, key=f"the {name} weights of run")
    check_conditions(checkpoint.model, dataset, checkpoint.path)
    check_weights_suffice(checkpoint.model, dataset.shape, checkpoint.path)
    return checkpoint
