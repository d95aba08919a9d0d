"""The one training loop: models and judges, full data or the retain set alone, share it.

An epoch is a pure function of (weights, optimiser state, seed, epoch number): order and noise come from generators
derived from the seed and the epoch (torch's global one, which dropout layers use, is seeded for the epoch and put back
afterwards). The state after every epoch is kept on disk, so a killed run goes on from the last whole epoch to weights
that are bit-identical to an undisturbed run's.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images, to_float
from gsu_cli.errors import DataError, NonFiniteError, UsageError
from gsu_cli.models.conditions import Conditional
from gsu_cli.run.seeds import derive, generator
from gsu_cli.surgery.devices import device_of
from gsu_cli.surgery.ranks import ranks
from gsu_cli.training.averaging import Average
from gsu_cli.training.history import History, Progress
from gsu_cli.training.optimisers import Optimisers
from gsu_cli.training.recipe import Recipe
from gsu_cli.training.state import keep, restore, weights_of

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
    images = images.to(device_of(model))
    targets = _targets(model, images)
    ranks().check_trainable(model)
    sizes = _batch_sizes(len(images), recipe.batch_size, model)
    steps_per_epoch = len(sizes)
    total = recipe.epochs * steps_per_epoch
    optimisers = Optimisers(model, recipe, total)
    average = Average(model, recipe.ema) if recipe.ema else None
    facts = {"recipe": recipe.facts(), "seed": seed, "n": len(images), **(identity or {})}
    history = History() if history is None else history
    history.losses, history.resumed_at_epoch = [], 0
    source = state if resume is None else resume
    if source is not None and source.exists():
        history.losses = restore(source, model, optimisers, average, facts)
        history.resumed_at_epoch = len(history.losses)
        if state is not None and not (state.exists() and state.samefile(source)) and not ranks().index:
            keep(state, model, optimisers, average, history.losses, facts)
    if isinstance(model, Conditional):
        model.meets(images.labels)
    last_good = _measured(model, average), list(history.losses)  # one name for both: Ctrl-C must not come between them
    started, last_report, passed = time.perf_counter(), 0.0, 0
    model.train()
    callers_rng = torch.random.get_rng_state()
    try:
        for epoch in range(len(history.losses), recipe.epochs):
            rng = generator(seed, "epoch", epoch)
            torch.manual_seed(derive(seed, "epoch", epoch, "global"))
            order = torch.randperm(len(images), generator=rng)
            sum_of_losses, seen = 0.0, 0
            for k, index in enumerate(order.split(sizes)):
                value = optimisers.backward(to_float(images.pixels[index]), targets[index], rng)
                if not math.isfinite(value):
                    raise NonFiniteError(
                        f"the training loss must stay finite (epoch {epoch + 1}, step {k + 1} of {steps_per_epoch})",
                        found=value,
                        way_out="Lower training.lr, or the method.lr of `gsu unlearn`",
                    )
                optimisers.step()
                if average is not None:
                    average.update(model)
                sum_of_losses, seen = sum_of_losses + value * len(index), seen + len(index)
                passed += len(index)
                if on_progress is not None and time.perf_counter() - last_report > 0.05:
                    last_report = time.perf_counter()
                    done, rate = epoch * steps_per_epoch + k + 1, passed / (last_report - started)
                    on_progress(Progress(done, total, epoch + 1, recipe.epochs, sum_of_losses / seen, rate))
            _check_weights(model, epoch)
            last_good = _measured(model, average), [*history.losses, sum_of_losses / seen]
            history.losses = list(last_good[1])
            log.info("epoch %d/%d: mean loss %.6g", epoch + 1, recipe.epochs, history.losses[-1])
            if state is not None and not ranks().index:
                keep(state, model, optimisers, average, history.losses, facts)
        model.load_state_dict(last_good[0])
    except BaseException:
        model.load_state_dict(last_good[0])
        history.losses = last_good[1]
        raise
    finally:
        history.seconds = time.perf_counter() - started
        torch.random.set_rng_state(callers_rng)
        model.eval()
    if on_progress is not None:
        rate = passed / max(history.seconds, 1e-9)
        on_progress(Progress(total, total, recipe.epochs, recipe.epochs, history.losses[-1], rate))
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


def _check_weights(model: nn.Module, epoch: int) -> None:
    """The last step of an epoch has no loss after it that would tell."""
    for name, t in model.state_dict().items():
        if not torch.isfinite(t).all():
            raise NonFiniteError(
                f"the weights must stay finite (end of epoch {epoch + 1})",
                found=f"nan or inf in {name}",
                way_out="Lower training.lr, or the method.lr of `gsu unlearn`",
            )


def _measured(model: nn.Module, average: Average | None) -> dict[str, Tensor]:
    """The weights that training hands on."""
    return weights_of(model) if average is None else average.state(model)
