"""Further models of an audit: each trained into a file once, several at a time, then joined to the run."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsu_cli.checks import as_int
from gsu_cli.data.base import Images
from gsu_cli.errors import GsuError, ProcessError
from gsu_cli.methods.retrain import train_anew
from gsu_cli.models.model import copied
from gsu_cli.run.checkpoints import Checkpoint, Rebuilds, load_checkpoint, save_checkpoint
from gsu_cli.run.files import write_text
from gsu_cli.run.session import Session
from gsu_cli.run.tensor_files import read_tensors, write_tensors
from gsu_cli.surgery.ranks import ranks
from gsu_cli.tables.pool import cores, in_processes
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs import console
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.opening_weights import describe

MODEL, STATE, FAILED = "model.safetensors", "state.safetensors", "failed.txt"
INITIAL, IMAGES = "initial-{}.safetensors", "images-{}.safetensors"  # what processes read, by who started them


@dataclass(frozen=True)
class Wanted:
    """A model to be trained.

    Attributes:
        path: of the weights, in a folder of its own.
        seed: of its training.
        about: facts of the weights, plain values, the recipe among them; the last loss is put in.
        what: "reference 1 of 3".
    """

    path: Path
    seed: int
    about: dict[str, Any]
    what: str


def workers_of(value: object) -> int:
    """How many are trained at a time: ``workers``, or one a core."""
    return cores() if value is None else as_int("workers", value)


def train_all(inputs: RunInputs, images: Images, wanted: Sequence[Wanted], *, stage: str, workers: int) -> None:
    """Trains what of ``wanted`` is not there, copies of the original's model; a training that was stopped goes on.

    Args:
        inputs: of the audit.
        images: on which.
        wanted: models, in folders beside each other.
        stage: of the record.
        workers: processes at a time, on the CPU.

    Raises:
        ProcessError: one could not be trained; the others are kept.
    """
    todo = [one for one in wanted if not one.path.is_file()]
    session, model = inputs.session, inputs.first.model
    apart = session.device.type == "cpu" and ranks().size == 1 and isinstance(model, Rebuilds)
    if min(len(todo), workers) > 1 and apart:
        _side_by_side(inputs, images, todo, stage, workers)
        return
    for one in todo:
        with console.training_bar(one.what) as on_progress, session.stage(stage):
            _train(copied(model), images, one.path, seed=one.seed, about=one.about, on_progress=on_progress)


def _train(
    model: Any, images: Images, path: Path, *, seed: int, about: dict[str, Any], on_progress: Any = None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    state = path.parent / STATE
    history = train_anew(model, images, Recipe(**about["recipe"]), seed=seed, state=state, on_progress=on_progress)
    save_checkpoint(path, model, about={**about, "loss": history.losses[-1]})
    state.unlink(missing_ok=True)


def _side_by_side(inputs: RunInputs, images: Images, todo: Sequence[Wanted], stage: str, workers: int) -> None:
    place = todo[0].path.parents[1]
    given = {"pixels": images.pixels, "labels": images.labels, "attributes": images.attributes}
    read = [place / name.format(os.getpid()) for name in (IMAGES, INITIAL)]  # another audit may train the same
    write_tensors(read[0], {name: t for name, t in given.items() if t is not None}, {})
    save_checkpoint(read[1], inputs.first.model, about={})
    jobs = [(*map(str, read), str(one.path), one.seed, json.dumps(one.about)) for one in todo]
    try:
        with console.work_bar(stage) as on_progress, inputs.session.stage(stage):
            on_progress(0, len(jobs), todo[0].what)
            ended = in_processes(train_one, jobs, workers=min(workers, len(jobs)), preload=__name__)
            for done, (index, code) in enumerate(ended, 1):
                on_progress(done, len(jobs), todo[index].what)
                if code:
                    raise _failed(todo[index], code)
    finally:
        for path in read:
            path.unlink(missing_ok=True)


def train_one(images: str, initial: str, path: str, seed: int, about: str) -> None:
    """One of them; for a process of its own.

    Args:
        images, initial: files of what it is trained on, and of a model of its class.
        path: of the weights.
        seed: of the training.
        about: facts of the weights, as JSON.
    """
    failed = Path(path).with_name(FAILED)
    try:
        _, t = read_tensors(Path(images))
        on = Images(t["pixels"], t["labels"], t.get("attributes"))
        _train(load_checkpoint(Path(initial)).model, on, Path(path), seed=seed, about=json.loads(about))
    except GsuError as e:
        write_text(failed, str(e))
        raise SystemExit(1) from None
    failed.unlink(missing_ok=True)


def _failed(one: Wanted, code: int) -> ProcessError:
    text = one.path.with_name(FAILED)
    why = text.read_text(encoding="utf-8").rstrip(".") if text.is_file() else f"a process that ended with code {code}"
    return ProcessError(
        "each further model of an audit must be trained",
        found=f"{one.what}: {why}",
        way_out="Type the same line again: what was trained is found again",
    )


def joined(session: Session, name: str, one: Checkpoint) -> Checkpoint:
    """The model on the device of the run, whose record names it."""
    one.model.to(session.device)
    session.record.inputs[name] = describe(one)
    return one
