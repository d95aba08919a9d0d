"""How a model is trained, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gsu_cli.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; travels in its checkpoint so that retraining is the same recipe.

    Attributes:
        epochs: passes over the images.
        batch_size: images a step.
        lr: peak learning rate of Adam under the one-cycle schedule (Smith and Topin, arXiv 1708.07120).
        weight_decay: decoupled (AdamW).
        ema: decay of the moving average of the weights, in [0, 1); above 0 the averaged weights are the model's.
    """

    epochs: int = 30
    batch_size: int = 256
    lr: float = 3e-3
    weight_decay: float = 0.0
    ema: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"`training.{name}` must be an integer >= {least}", found=repr(value))
        if not (_is_number(self.lr) and 0 < self.lr < math.inf):
            raise UsageError("`training.lr` must be a finite number > 0", found=repr(self.lr))
        if not (_is_number(self.weight_decay) and 0 <= self.weight_decay < math.inf):
            raise UsageError("`training.weight_decay` must be a finite number >= 0", found=repr(self.weight_decay))
        if not (_is_number(self.ema) and 0 <= self.ema < 1):
            raise UsageError("`training.ema` must be a number in [0, 1)", found=repr(self.ema))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
