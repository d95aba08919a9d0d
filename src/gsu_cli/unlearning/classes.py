"""Which conditions a method is to erase that knows what is to be forgotten by its condition alone."""

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
