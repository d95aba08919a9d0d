"""What the card of a conditional model says besides: how often it generates what it is asked for."""

from __future__ import annotations

from typing import Any

from gsu_cli.evaluation.samples import asked_conditions
from gsu_cli.judges.base import Verdict
from gsu_cli.models.conditions import conditions_of


def kind(model: Any, name: str) -> str:
    """``name`` of the kind of model, with its conditions.

    >>> kind(object(), "VAE")
    'VAE'
    """
    told = conditions_of(model)
    within = name if name.isupper() else name[0].lower() + name[1:]
    return f"Class-conditional {within} ({told} conditions, {model.drop:.0%} hidden in training)" if told else name


def asked_lines(model: Any, verdict: Verdict, seed: int) -> list[str]:
    """A row of the card; none of an unconditional model."""
    if not conditions_of(model):
        return []
    asked = asked_conditions(model, len(verdict.labels), seed)
    right = (verdict.labels == asked).double().mean()
    return [f"| the CNN judge sees what was asked for in | {right:.1%} |"]
