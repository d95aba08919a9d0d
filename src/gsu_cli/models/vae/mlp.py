"""Fully connected layers that several models are made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from gsu_cli.errors import UsageError, did_you_mean

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU}


def check_activation(name: object) -> str:
    """``name`` as the option ``model.activation``.

    Raises:
        UsageError: it is unknown.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UsageError(
            f"`model.activation` must be one of {', '.join(ACTIVATIONS)}",
            found=repr(name),
            way_out=did_you_mean(str(name), ACTIVATIONS).strip(),
        )
    return name


def stack(widths: Sequence[int], activation: str, batch_norm: bool = False) -> list[nn.Module]:
    """A Linear layer from each width to the next, each with its activation behind, and BatchNorm between the two."""
    layers: list[nn.Module] = []
    for i, o in pairwise(widths):
        norm = [nn.BatchNorm1d(o)] if batch_norm else []
        layers += [nn.Linear(i, o), *norm, ACTIVATIONS[activation]()]
    return layers
