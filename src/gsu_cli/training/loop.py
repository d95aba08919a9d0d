"""The one training loop: models and judges, full data or the retain set alone, share it.

An epoch is a pure function of (weights, optimiser state, seed, epoch number): order and noise come from generators
derived from the seed and the epoch (torch's global one, which dropout layers use, is seeded for the epoch and put back
afterwards). The state after every epoch is kept on disk, so a killed run goes on from the last whole epoch to weights
that are bit-identical to an undisturbed run's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gsu_cli.data.base import Images
from gsu_cli.errors import DataError, UsageError
from gsu_cli.models.conditions import Conditional
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.ranks import ranks
from gsu_cli.training.averaging import Average
from gsu_cli.training.epoch import Epochs, Meter
from gsu_cli.training.history import History, Progress
from gsu_cli.training.optimisers import Optimisers
from gsu_cli.training.recipe import Recipe
from gsu_cli.training.whole_epochs import WholeEpochs

log = logging.getLogger(__name__)


def fit(
    model: nn.Module,
    images: Images,
    recipe: Recipe,
    *,
    seed: int,
    state: Path | None = None,
    resume: Path | None = None,
    identity: Mapping[str, Any] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    history: History | None = None,
) -> History:
    """Trains ``model`` in place.

    Args:
        model: offers ``loss(x, y, generator) -> (n,)``, or is `Trainable`; ``y`` are labels, or attributes where
            ``wants_attributes``.
        images: the training set, moved to the model's device; the last batch of an epoch may be smaller, but a single
            image that BatchNorm cannot normalise joins the batch before.
        recipe: epochs, batch size, learning rate.
        seed: of order and noise.
        state: file that holds the state after each epoch; when it exists, training goes on from it.
        resume: another file to go on from; ``state`` then begins as the same state, once it was found to fit.
        identity: facts that must agree with the state's (data digest, forget spec ...) for it to be continued.
        on_progress: called about twenty times a second at most.
        history: filled in place, so that a caller can read it after an exception; a fresh one when None.

    Whatever ends it early (Ctrl-C too), ``model`` and ``history`` then hold the state after the last whole epoch; with
    ``recipe.ema`` it is the averaged weights that ``model`` holds in the end.

    Raises:
        NonFiniteError: the loss or a weight became nan or infinite.
        CheckpointError: the state to go on from belongs to another run, or is damaged; ``model`` is untouched.
        DataError: there are no images, or none of the attributes that the model learns.
        UsageError: batches of one image, of a model with BatchNorm.
        OutputError: ``state`` cannot be written.
    """
    if len(images) == 0:
        raise DataError("training needs at least one image", found=0)
    if not any(p.requires_grad for p in model.parameters()):
        raise UsageError(
            "training needs a parameter that may move",
            found=f"{type(model).__name__}, frozen as a whole",
            way_out="Leave out requires_grad_(False) in its constructor, at least for a part",
        )
    images = images.to(device_of(model))
    targets = _targets(model, images)
    ranks().check_trainable(model)
    sizes = _batch_sizes(len(images), recipe.batch_size, model)
    optimisers = Optimisers(model, recipe, recipe.epochs * len(sizes))
    average = Average(model, recipe.ema) if recipe.ema else None
    facts = {"recipe": recipe.facts(), "seed": seed, "n": len(images), **(identity or {})}
    history = History() if history is None else history
    whole = WholeEpochs(model, optimisers, average, history, facts=facts, state=state)
    whole.resume(state if resume is None else resume)
    if isinstance(model, Conditional):
        model.meets(images.labels)
    meter = Meter(on_progress, len(sizes), recipe.epochs)
    epochs = Epochs(model, optimisers, average, images, targets, sizes, seed, meter)
    with whole.kept():
        for epoch in range(len(history.losses), recipe.epochs):
            whole.closed(epochs.train(epoch))
            log.info("epoch %d/%d: mean loss %.6g", epoch + 1, recipe.epochs, history.losses[-1])
    meter.end(history.seconds, history.losses[-1])
    return history


def _batch_sizes(n: int, size: int, model: nn.Module) -> list[int]:
    """Images of each batch of an epoch of ``n``."""
    sizes = [size] * (n // size) + [n % size] * (n % size > 0)
    if sizes[-1] > 1 or not any(isinstance(module, nn.BatchNorm1d) for module in model.modules()):
        return sizes
    if len(sizes) == 1 or size == 1:
        raise UsageError(
            "a model with BatchNorm needs batches of at least two images",
            found=f"{n} images in batches of {size}",
            way_out="Choose more images, a larger training.batch_size, or a model without batch_norm",
        )
    return [*sizes[:-2], sizes[-2] + 1]


def _targets(model: nn.Module, images: Images) -> Tensor:
    """What the model learns of each image."""
    if not getattr(model, "wants_attributes", False):
        return images.labels
    if images.attributes is None:
        raise DataError("a judge of attributes needs images with attributes", found="none")
    return images.attributes
