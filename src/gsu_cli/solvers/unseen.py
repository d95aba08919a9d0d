"""The level of loss expected of images that were never trained on: what a step may raise forgotten images to.

Forgetting less leaves them known; forgetting more makes them conspicuous. `leverage` derives that of single images,
`class_level` that of a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.vectors import Vector
from gsu_cli.unlearning.cost import Cost

BOUNDS = ("auto", "leverage", "class_level", "none")


@dataclass(frozen=True)
class UnseenLevel:
    """The loss of the forgotten images, and by how much it would be higher had they not been trained on.

    Attributes:
        kind: how the level was derived.
        loss: of the forgotten images, as a function of the weights.
        start: before the first step, in the unit of the loss, per image.
        expected: increase, likewise; >= 0.
        ends: whether a step ends there; else it is noted.
        cost: of what it was derived from.
        notes: further facts for the record.
    """

    kind: str
    loss: SiteLoss
    start: float
    expected: float
    ends: bool
    cost: Cost = field(default_factory=Cost)
    notes: Mapping[str, float] = field(default_factory=dict)

    def limit(self, share: float) -> float:
        """The largest loss allowed once ``share`` of the shots are done."""
        return self.start + share * self.expected

    def facts(self, theta: Vector) -> dict[str, Any]:
        """For the record."""
        return {
            "kind": self.kind,
            "ends": self.ends,
            "loss_before": self.start,
            "expected_increase": self.expected,
            "increase": self.loss.mean(theta) - self.start,
            **self.notes,
        }


def kind_of(bound: str, split: Split) -> str | None:
    """Which level is taken: "leverage", "class_level", or None.

    Of "auto" that of single images and fractions, which ends a step, and that of whole classes, which is noted.
    """
    if bound == "auto":
        if split.by_index or split.fraction is not None:
            return "leverage"
        return "class_level" if split.target_classes else None
    return None if bound == "none" else bound


def unbounded(bound: str, split: Split, other: str = "") -> dict[str, str]:
    """For the record, where single images or a fraction are forgotten without a level: why; else empty.

    Args:
        bound: as typed.
        split: what is forgotten.
        other: why no level is read whatever is typed.
    """
    if kind_of("auto", split) != "leverage" or (bound != "none" and not other):
        return {}
    return {"no_bound": "method.bound=none" if bound == "none" else other}


def check_bound(bound: str, split: Split) -> None:
    """Refuses the level of a class where something else is to be forgotten.

    Raises:
        UsageError: it is not whole classes.
    """
    if bound == "class_level" and kind_of("auto", split) != "class_level":
        raise UsageError(
            "`method.bound=class_level` needs whole classes to forget",
            found=split.words,
            way_out="Leave out method.bound",
        )


def check_decoders(bound: str) -> None:
    """Refuses the level of a class, which is known of a decoder alone.

    Raises:
        UsageError: it was typed.
    """
    if bound == "class_level":
        raise UsageError(
            "`method.bound=class_level` needs a model with a decoder",
            found="a diffusion model",
            way_out="Leave out method.bound, or take method.bound=leverage",
        )
