"""What is to be forgotten, for methods that know it by its condition, or must find it among samples."""

from __future__ import annotations

from gsu_cli.data.split import Split
from gsu_cli.errors import NotApplicableError


def whole_classes(split: Split, method: str) -> tuple[int, ...]:
    """The labels of the forgotten classes, each a condition.

    Args:
        split: what to forget.
        method: whose name the sentence begins with.

    Raises:
        NotApplicableError: something else than whole classes is to be forgotten.
    """
    if not split.target_classes or split.fraction is not None or split.by_index:
        raise NotApplicableError(
            f"`method={method}` erases a condition, so what is forgotten must be whole classes",
            found=split.words,
            way_out="Type forget.class=..., or use method=fisher_surgery",
        )
    return split.target_classes


def check_recognisable(split: Split, method: str) -> None:
    """Refuses what no classifier can learn to find among generated samples: single images, or a part of a class.

    Args:
        split: what to forget.
        method: whose name the sentence begins with.

    Raises:
        NotApplicableError: it is neither whole classes nor an attribute.
    """
    part = split.fraction is not None or split.by_index
    if part or not (split.target_classes or split.target_attribute):
        raise NotApplicableError(
            f"`method={method}` looks among a GAN's samples for what is forgotten, so it must be whole classes or an "
            "attribute",
            found=split.words,
            way_out="Type forget.class=... or forget.attribute=..., or use method=retrain",
        )
