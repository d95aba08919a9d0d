"""Which weights a method may move, moving them, and the angle between two directions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from gsu_cli.gradients import parameters
from gsu_cli.models.frozen import generating, trainable
from gsu_cli.surgery.vectors import Vector, VectorLike, dot, norm

SCOPES = ("all", "generator")


def names_in_scope(model: Any, scope: str) -> list[str]:
    """The parameters that a method may move: "all", or the "generator"'s, on which generation depends; none frozen."""
    return generating(model) if scope == "generator" else trainable(model)


def generating_weights(model: Any) -> Vector:
    """A copy of the weights that generation depends on, none frozen."""
    return {k: v.clone() for k, v in parameters(model, generating(model)).items()}


@torch.no_grad()
def add_(model: Any, direction: VectorLike, step: float) -> None:
    """``theta <- theta + step * direction`` in place, for the parameters of ``direction``."""
    own = dict(model.named_parameters())
    for name, d in direction.items():
        own[name].add_(d, alpha=step)


def share_of_weights(mask: VectorLike) -> float:
    """The share of the weights that a mask, 0 or 1 for each, lets move."""
    return sum(int(m.sum()) for m in mask.values()) / sum(m.numel() for m in mask.values())


def cosine(a: Vector, b: Vector) -> float | None:
    """cos(a, b); None where one of them is zero."""
    scale = norm(a) * norm(b)
    return dot(a, b) / scale if scale > 0 else None


@contextmanager
def held(model: Any, theta: Vector) -> Iterator[None]:
    """Within, the model has the weights ``theta``, as far as they name some; afterwards its own, bit for bit."""
    own = {name: p for name, p in model.named_parameters() if name in theta}
    kept = {name: p.detach().clone() for name, p in own.items()}
    try:
        with torch.no_grad():
            for name, p in own.items():
                p.copy_(theta[name])
        yield
    finally:
        with torch.no_grad():
            for name, p in own.items():
                p.copy_(kept[name])
