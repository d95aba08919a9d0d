"""The one training loop: models and judges, full data or the retain set alone, share it.

An epoch is a pure function of (weights, optimiser state, seed, epoch number): order and noise come from generators
derived from the seed and the epoch. The state after every epoch is kept on disk, so a killed run goes on from the
last whole epoch to weights that are bit-identical to an undisturbed run's.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from gsu_cli.data.base import Images, to_float
from gsu_cli.errors import CheckpointError, NonFiniteError, UsageError
from gsu_cli.run.checkpoints import digest, read_tensors
from gsu_cli.run.files import atomic
from gsu_cli.run.seeds import generator


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; travels in its checkpoint so that retraining is the same recipe.

    Attributes:
        epochs: passes over the images.
        batch_size: images a step.
        lr: peak learning rate of Adam under the one-cycle schedule (Smith and Topin, arXiv 1708.07120).
        weight_decay: decoupled (AdamW).
    """

    epochs: int = 30
    batch_size: int = 256
    lr: float = 3e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise UsageError(f"`training.{name}` must be an integer >= {least}", found=value)
        if not (isinstance(self.lr, int | float) and math.isfinite(self.lr) and self.lr > 0):
            raise UsageError("`training.lr` must be a finite number > 0", found=self.lr)
        if not (isinstance(self.weight_decay, int | float) and 0 <= self.weight_decay < math.inf):
            raise UsageError("`training.weight_decay` must be a finite number >= 0", found=self.weight_decay)


@dataclass(frozen=True)
class Progress:
    """Where training is: finished steps of all, current epoch (from 1), running mean loss of the epoch."""

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float


@dataclass
class History:
    """Mean training loss of each finished epoch; seconds of this process (a resumed run counts its own part)."""

    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    resumed_at_epoch: int = 0


def fit(
    model: nn.Module,
    images: Images,
    recipe: Recipe,
    *,
    seed: int,
    state: Path | None = None,
    identity: Mapping[str, Any] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    history: History | None = None,
) -> History:
    """Trains ``model`` in place.

    Args:
        model: offers ``loss(x, y, generator) -> (n,)``.
        images: the training set.
        recipe: epochs, batch size, learning rate.
        seed: of order and noise.
        state: file that holds the state after each epoch; when it exists, training goes on from it.
        identity: facts that must agree with the state's (data digest, forget spec ...) for it to be continued.
        on_progress: called about twenty times a second at most.
        history: filled in place, so that a caller can read it after an exception; a fresh one when None.

    Raises:
        NonFiniteError: the loss became nan or infinite; ``model`` then holds the state after the last whole epoch.
        CheckpointError: ``state`` belongs to another run.
    """
    steps_per_epoch = math.ceil(len(images) / recipe.batch_size)
    total = recipe.epochs * steps_per_epoch
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.lr, total_steps=total + 1)
    facts = {"recipe": asdict(recipe), "seed": seed, "n": len(images), **(identity or {})}
    history = History() if history is None else history
    if state is not None and state.exists():
        _restore(state, model, optimiser, schedule, history, facts)
        history.resumed_at_epoch = len(history.losses)
    last_good = _snapshot(model)
    started, last_report = time.perf_counter(), 0.0
    model.train()
    try:
        for epoch in range(len(history.losses), recipe.epochs):
            rng = generator(seed, "epoch", epoch)
            order = torch.randperm(len(images), generator=rng)
            sum_of_losses, seen = 0.0, 0
            for k, index in enumerate(order.split(recipe.batch_size)):
                loss = model.loss(to_float(images.pixels[index]), images.labels[index], rng).mean()  # type: ignore[operator]
                value = loss.item()
                if not math.isfinite(value):
                    raise NonFiniteError(
                        f"the training loss must stay finite (epoch {epoch + 1}, step {k + 1} of {steps_per_epoch})",
                        found=value,
                        way_out="Lower training.lr; the state after the last whole epoch is kept",
                    )
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                schedule.step()
                sum_of_losses, seen = sum_of_losses + value * len(index), seen + len(index)
                if on_progress is not None and time.perf_counter() - last_report > 0.05:
                    last_report = time.perf_counter()
                    done = epoch * steps_per_epoch + k + 1
                    on_progress(Progress(done, total, epoch + 1, recipe.epochs, sum_of_losses / seen))
            history.losses.append(sum_of_losses / seen)
            last_good = _snapshot(model)
            if state is not None:
                _keep(state, model, optimiser, schedule, history, facts)
    except BaseException:
        model.load_state_dict(last_good)
        raise
    finally:
        history.seconds = time.perf_counter() - started
        model.eval()
    if on_progress is not None:
        on_progress(Progress(total, total, recipe.epochs, recipe.epochs, history.losses[-1]))
    return history


def _snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def _keep(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    history: History,
    facts: Mapping[str, Any],
) -> None:
    inner = optimiser.state_dict()
    tensors = {f"model/{k}": v.detach().contiguous() for k, v in model.state_dict().items()}
    for i, slots in inner["state"].items():
        tensors |= {f"optimiser/{i}/{slot}": t.contiguous() for slot, t in slots.items()}
    meta = {
        "digest": digest(tensors),
        "facts": facts,
        "losses": history.losses,
        "groups": inner["param_groups"],
        "schedule": {k: v for k, v in schedule.state_dict().items() if isinstance(v, int | float | list)},
    }
    data = save(tensors, metadata={"gsu": json.dumps(meta)})
    with atomic(path) as temporary:
        temporary.write_bytes(data)


def _restore(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    history: History,
    facts: Mapping[str, Any],
) -> None:
    meta, tensors = read_tensors(path)
    if digest(tensors) != meta["digest"]:
        raise CheckpointError("a training state must match its digest", found=path, way_out="Train anew without resume")
    for key, value in json.loads(json.dumps(facts)).items():
        if meta["facts"].get(key) != value:
            raise CheckpointError(
                f"to resume, `{key}` must be what it was",
                found=f"{value} (it was {meta['facts'].get(key)})",
                way_out="Type the same command, or train anew without resume",
            )
    model.load_state_dict({k.removeprefix("model/"): v for k, v in tensors.items() if k.startswith("model/")})
    slots: dict[int, dict[str, Tensor]] = {}
    for key, t in tensors.items():
        if key.startswith("optimiser/"):
            _, i, slot = key.split("/")
            slots.setdefault(int(i), {})[slot] = t
    groups = [{**g, "betas": tuple(g["betas"])} for g in meta["groups"]]
    optimiser.load_state_dict({"state": slots, "param_groups": groups})
    schedule.load_state_dict(meta["schedule"])
    history.losses = list(meta["losses"])
