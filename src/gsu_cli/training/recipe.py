"""How a model is trained, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gsu_cli.checks import as_choice, as_int, as_number, is_number, quoted
from gsu_cli.errors import UsageError
from gsu_cli.surgery.precision import PRECISIONS


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; travels in its checkpoint so that retraining is the same recipe.

    Attributes:
        epochs: passes over the images.
        batch_size: images a step.
        lr: peak learning rate of Adam under the one-cycle schedule (Smith and Topin, arXiv 1708.07120).
        weight_decay: decoupled (AdamW).
        ema: decay of the moving average of the weights, in [0, 1); above 0 the averaged weights are the model's.
        precision: in which the network computes; weights, gradients and what the optimiser keeps are float32.
    """

    epochs: int = 30
    batch_size: int = 256
    lr: float = 3e-3
    weight_decay: float = 0.0
    ema: float = 0.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        as_int("training.epochs", self.epochs)
        as_int("training.batch_size", self.batch_size)
        as_number("training.lr", self.lr, more_than=0.0)
        as_number("training.weight_decay", self.weight_decay, least=0.0)
        if self.lr * self.weight_decay >= 1:
            raise UsageError(
                "`training.weight_decay` times `training.lr` must be below 1: a step takes that share off each weight",
                found=f"{self.weight_decay:g} times {self.lr:g}",
                way_out=f"Choose a weight_decay below {1 / self.lr:g}",
            )
        if not is_number(self.ema) or not 0 <= self.ema < 1:
            raise UsageError("`training.ema` must be a number in [0, 1)", found=quoted(self.ema))
        as_choice("precision", self.precision, PRECISIONS)

    def facts(self) -> dict[str, Any]:
        """What files say of it; a precision only where it is not the usual one, as in files of before."""
        values = asdict(self)
        return values if self.precision != "float32" else {k: v for k, v in values.items() if k != "precision"}
