"""Outputs that a softmax or a sigmoid has made are no logits: what rests on probabilities would be flattened."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.judges.own_classifier import _refuse_probabilities

RNG = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(50, 4, generator=RNG)
CLASSES = torch.eye(4, dtype=torch.bool)[torch.multinomial(LOGITS.softmax(1), 1, generator=RNG)[:, 0]]
HAS = torch.rand(50, 4, generator=RNG) < LOGITS.sigmoid()
ALL = (0, 1, 2, 3)
SURE = (
    torch.where(CLASSES, 1.0, 0.0).roll(1, 0) * 0.1 + torch.where(CLASSES, 1.0, 0.0) * 0.9
)  # right, and never in doubt


@pytest.mark.parametrize(
    ("outputs", "attributes", "truth", "last"),
    [
        (LOGITS.softmax(1), None, CLASSES, "softmax"),
        (LOGITS.softmax(1), None, ~CLASSES, "softmax"),  # wrong ones are probabilities as well
        (LOGITS.half().softmax(1), None, CLASSES, "softmax"),
        (LOGITS.sigmoid(), None, CLASSES, "softmax or sigmoid"),
        (SURE, None, CLASSES, "softmax"),
        (LOGITS.sigmoid(), ALL, HAS, "sigmoid"),
        (LOGITS.sigmoid(), (2, 0), HAS[:, [2, 0]], "sigmoid"),
        (HAS.float(), ALL, HAS, "sigmoid"),
    ],
)
def test_probabilities_are_refused(outputs: Tensor, attributes: Sequence[int] | None, truth: Tensor, last: str) -> None:
    with pytest.raises(UsageError, match=f"must give logits; found numbers within 0 and 1.*goes into its {last}"):
        _refuse_probabilities(outputs, attributes, truth)


SOME = torch.rand(400, 4, generator=RNG)  # logits that say little and happen to lie within [0, 1]


@pytest.mark.parametrize(
    ("outputs", "attributes", "truth"),
    [
        (LOGITS, None, CLASSES),
        (LOGITS, ALL, HAS),
        (LOGITS.log_softmax(1), None, CLASSES),
        (torch.ones(50, 1), None, torch.ones(50, 1, dtype=torch.bool)),
        (SOME, ALL, torch.rand(400, 4, generator=RNG) < SOME.sigmoid()),
        (SOME, None, torch.eye(4, dtype=torch.bool)[torch.multinomial(SOME.softmax(1), 1, generator=RNG)[:, 0]]),
    ],
)
def test_logits_are_not(outputs: Tensor, attributes: Sequence[int] | None, truth: Tensor) -> None:
    _refuse_probabilities(outputs, attributes, truth)
