"""A further model of an audit: trained into a file once, then joined to the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gsu_cli.models.model import copied
from gsu_cli.run.checkpoints import Checkpoint, save_checkpoint
from gsu_cli.run.session import Session
from gsu_cli.training.history import History
from gsu_cli.verbs import console
from gsu_cli.verbs.assemble import RunInputs
from gsu_cli.verbs.opening_weights import describe

MODEL, STATE = "model.safetensors", "state.safetensors"


def train_once(
    inputs: RunInputs,
    path: Path,
    fit: Callable[..., History],
    about: Callable[[float], dict[str, Any]],
    *,
    stage: str,
    what: str,
) -> None:
    """Trains a copy of the original's model into ``path``; a training that was stopped goes on.

    Args:
        inputs: of the audit.
        path: of the weights, in a folder of its own.
        fit: trains a model that it is given, with ``state`` and ``on_progress``.
        about: facts of the weights, from the last loss.
        stage: of the record.
        what: "reference 1 of 3".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    model, state = copied(inputs.first.model), path.parent / STATE
    with console.training_bar(what) as on_progress, inputs.session.stage(stage):
        history = fit(model, state=state, on_progress=on_progress)
    save_checkpoint(path, model, about=about(history.losses[-1]))
    state.unlink(missing_ok=True)


def joined(session: Session, name: str, one: Checkpoint) -> Checkpoint:
    """The model on the device of the run, whose record names it."""
    one.model.to(session.device)
    session.record.inputs[name] = describe(one)
    return one
