"""What a model cannot be made to do or cannot be asked, in sentences: a reader of its numbers must know."""

from __future__ import annotations

from typing import Any

from gsu_cli.data.base import Dataset
from gsu_cli.data.split import Split
from gsu_cli.models.frozen import trainable
from gsu_cli.models.protocols import HasLoss

SHOWN = 2  # names of parameters in a sentence


def held_by_frozen(model: Any) -> str:
    """That parameters which generation depends on are frozen, beside others; empty where none are."""
    free, own = set(trainable(model)), {name: p.numel() for name, p in model.named_parameters()}
    names = [name for name in model.generation_parameters() if name in own]
    stay = [name for name in names if name not in free]
    if not stay or len(stay) == len(names):
        return ""
    share = sum(own[name] for name in stay) / sum(own[name] for name in names)
    more = f" and {len(stay) - SHOWN} more" if len(stay) > SHOWN else ""
    return (
        f"{', '.join(stay[:SHOWN])}{more}, {share:.0%} of the weights that generation depends on, are frozen "
        f"(requires_grad=False) and stay: {type(model).__name__} may forget less for it"
    )


def told_by_no_loss(model: Any, what: str) -> str:
    """That no number tells whether a model without a loss of an image forgot ``what``; empty where it has one."""
    if isinstance(model, HasLoss):
        return ""
    return (
        f"{type(model).__name__} has no loss of an image, and nothing else tells single images: no number of gsu will "
        f"say whether {what} were forgotten"
    )


def of_split(model: Any, split: Split) -> list[str]:
    """What limits that ``model`` forgets what ``split`` asks for, or that one sees it."""
    seen = split.target_classes or split.target_attribute is not None
    unseen = "" if seen else told_by_no_loss(model, split.words)
    return [said for said in (held_by_frozen(model), unseen) if said]


def of_canaries(model: Any, dataset: Dataset) -> str:
    """What a training on canaries must say; empty where there are none, or a loss will tell them."""
    return "" if dataset.canaries is None else told_by_no_loss(model, "canaries")
