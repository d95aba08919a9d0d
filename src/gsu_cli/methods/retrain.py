"""Retraining from scratch on the retain set: the gold reference of exact unlearning (docs/methods/retrain.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gsu_cli.checks import as_int
from gsu_cli.data.base import Images
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.methods.base import Task, Update
from gsu_cli.models.protocols import HasLoss, Trainable
from gsu_cli.surgery.devices import device_of
from gsu_cli.training.closed_form import train_or_solve
from gsu_cli.training.fresh import initialise
from gsu_cli.training.history import History, Progress
from gsu_cli.training.recipe import Recipe
from gsu_cli.unlearning.cost import Cost


def train_from_scratch(
    model: Any,
    split: Split,
    recipe: Recipe,
    *,
    seed: int,
    on_progress: Callable[[Progress], None] | None = None,
) -> History:
    """Re-initialises ``model`` and trains it on the retain set, where it lies."""
    return train_anew(model, split.retain_images, recipe, seed=seed, on_progress=on_progress)


def train_anew(
    model: Any,
    images: Images,
    recipe: Recipe,
    *,
    seed: int,
    state: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> History:
    """The same on any images; ``state`` is kept and gone on from."""
    device = device_of(model)
    initialise(model.cpu(), seed)  # so that every device begins with the same weights
    model.to(device)
    return train_or_solve(model, images, recipe, seed=seed, state=state, on_progress=on_progress)


class Retrain:
    """Trains anew, with the original's recipe, on the retain set alone.

    Args:
        epochs: passes; None takes the original's.
    """

    name = "retrain"
    needs = (HasLoss | Trainable,)
    strength = None

    def __init__(self, epochs: int | None = None) -> None:
        if epochs is not None:
            as_int("method.epochs", epochs, 1)
        self.epochs = epochs

    def __call__(self, task: Task) -> Update:
        if task.recipe is None:
            raise UsageError(
                "retrain needs the original's training recipe",
                found="a checkpoint that does not carry one",
                way_out="Use `gsu train ... forget.class=...` with training.* options instead",
            )
        recipe = task.recipe if self.epochs is None else Recipe(**{**vars(task.recipe), "epochs": self.epochs})

        def on_progress(p: Progress) -> None:
            task.on_progress(p.step, p.steps, p.loss)

        history = train_from_scratch(
            task.model, task.split, recipe, seed=task.stream("retrain"), on_progress=on_progress
        )
        shown = recipe.epochs * task.split.n_retain
        cost = Cost.of_training(task.model, recipe, shown).record(len(task.split.dataset.train))
        return Update(self.name, shots=recipe.epochs, details={"losses": history.losses, "cost": cost})
