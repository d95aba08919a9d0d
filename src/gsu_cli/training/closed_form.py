"""Training of models whose best weights have a closed form."""

from __future__ import annotations

import time
from typing import Any

from gsu_cli.data.base import Images
from gsu_cli.errors import DataError
from gsu_cli.gradients import BLOCK, mean_loss
from gsu_cli.models.protocols import FitsExactly
from gsu_cli.training.history import History
from gsu_cli.training.loop import fit
from gsu_cli.training.recipe import Recipe


def fit_exactly(model: FitsExactly, images: Images, history: History | None = None) -> History:
    """The best weights for ``images``, in place; the history has the one loss that they leave.

    Raises:
        DataError: there are no images.
    """
    if len(images) == 0:
        raise DataError("training needs at least one image", found=0)
    history = History() if history is None else history
    started = time.perf_counter()
    model.fit_exactly(x for x, _ in images.batches(BLOCK))
    history.losses, history.resumed_at_epoch = [mean_loss(model, images, seed=0)], 0  # type: ignore[arg-type]
    history.seconds = time.perf_counter() - started
    return history


def train_or_solve(model: Any, images: Images, recipe: Recipe, *, seed: int, **options: Any) -> History:
    """Trains ``model`` in place by `training.loop.fit`, with its options, or by its closed form where it has one."""
    if isinstance(model, FitsExactly):
        return fit_exactly(model, images, options.get("history"))
    return fit(model, images, recipe, seed=seed, **options)
