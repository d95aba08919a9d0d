"""Outputs that a softmax or a sigmoid has made are no logits: what rests on probabilities would be flattened."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.errors import UsageError
from gsu_cli.judges.own_classifier import _refuse_probabilities

LOGITS = 3 * torch.randn(50, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("outputs", "attributes", "last"),
    [
        (LOGITS.softmax(1), False, "softmax"),
        (LOGITS.half().softmax(1), False, "softmax"),
        (LOGITS.sigmoid(), True, "sigmoid"),
    ],
)
def test_probabilities_are_refused(outputs: torch.Tensor, attributes: bool, last: str) -> None:
    with pytest.raises(UsageError, match=f"must give logits; found numbers within 0 and 1.*goes into its {last}"):
        _refuse_probabilities(outputs, attributes=attributes)


@pytest.mark.parametrize(
    ("outputs", "attributes"),
    [
        (LOGITS, False),
        (LOGITS, True),
        (LOGITS.log_softmax(1), False),
        (LOGITS.sigmoid(), False),
        (torch.ones(50, 1), False),
    ],
)
def test_logits_are_not(outputs: torch.Tensor, attributes: bool) -> None:
    _refuse_probabilities(outputs, attributes=attributes)
