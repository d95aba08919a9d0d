"""One epoch of training: a pure function of weights, optimiser state, seed and epoch number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gsu_cli.data.base import Images, to_float
from gsu_cli.errors import NonFiniteError
from gsu_cli.run.seeds import derive, generator
from gsu_cli.training.averaging import Average
from gsu_cli.training.history import Progress
from gsu_cli.training.optimisers import Optimisers

LOWER = "Lower training.lr, or the method.lr of `gsu unlearn`"
EVERY = 0.05  # seconds between two reports


@dataclass
class Meter:
    """Tells how far training is, about twenty times a second at most.

    Attributes:
        on_progress: hears of it; nobody when None.
        steps: of an epoch.
        epochs: in all.
    """

    on_progress: Callable[[Progress], None] | None
    steps: int
    epochs: int

    def __post_init__(self) -> None:
        self._started, self._last, self._images = time.perf_counter(), 0.0, 0

    def step(self, epoch: int, done: int, images: int, loss: float) -> None:
        """``done`` steps of ``epoch`` are made, the last of ``images``; ``loss`` is the epoch's mean so far."""
        self._images += images
        if self.on_progress is None or time.perf_counter() - self._last <= EVERY:
            return
        self._last = time.perf_counter()
        rate = self._images / (self._last - self._started)
        total = self.epochs * self.steps
        self.on_progress(Progress(epoch * self.steps + done, total, epoch + 1, self.epochs, loss, rate))

    def end(self, seconds: float, loss: float) -> None:
        """All is done."""
        if self.on_progress is not None:
            total, rate = self.epochs * self.steps, self._images / max(seconds, 1e-9)
            self.on_progress(Progress(total, total, self.epochs, self.epochs, loss, rate))


@dataclass(frozen=True)
class Epochs:
    """The epochs of one training, any of which can be the next.

    Attributes:
        model, optimisers, average: trained in place.
        images: pixels, (n, C, H, W) uint8, on the model's device.
        targets: what is learned of each, (n, ...).
        sizes: images of each batch.
        seed: of order and noise.
        meter: hears of each step.
    """

    model: nn.Module
    optimisers: Optimisers
    average: Average | None
    images: Images
    targets: Tensor
    sizes: list[int]
    seed: int
    meter: Meter

    def train(self, epoch: int) -> float:
        """Makes the steps of ``epoch`` (from 0) and returns its mean loss.

        Raises:
            NonFiniteError: a loss or a weight became nan or infinite.
        """
        rng = generator(self.seed, "epoch", epoch)
        torch.manual_seed(derive(self.seed, "epoch", epoch, "global"))
        order = torch.randperm(len(self.images), generator=rng)
        total, seen = 0.0, 0
        for k, index in enumerate(order.split(self.sizes)):
            value = self.optimisers.backward(to_float(self.images.pixels[index]), self.targets[index], rng)
            if not math.isfinite(value):
                where = f"epoch {epoch + 1}, step {k + 1} of {len(self.sizes)}"
                raise NonFiniteError(f"the training loss must stay finite ({where})", found=value, way_out=LOWER)
            self.optimisers.step()
            if self.average is not None:
                self.average.update(self.model)
            total, seen = total + value * len(index), seen + len(index)
            self.meter.step(epoch, k + 1, len(index), total / seen)
        _check_weights(self.model, epoch)
        return total / seen


def _check_weights(model: nn.Module, epoch: int) -> None:
    """The last step of an epoch has no loss after it that would tell."""
    for name, t in model.state_dict().items():
        if not torch.isfinite(t).all():
            raise NonFiniteError(
                f"the weights must stay finite (end of epoch {epoch + 1})", found=f"nan or inf in {name}", way_out=LOWER
            )
