"""Parameters that are not to move: those with ``requires_grad=False`` beside others without."""

from __future__ import annotations

from typing import Any

from gsu_cli.errors import UsageError


def trainable(model: Any) -> list[str]:
    """Names of the parameters that may be moved; of a model that is frozen as a whole all of them.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1, bias=False))
    >>> _ = model[0].requires_grad_(False)
    >>> trainable(model), trainable(model.requires_grad_(False))
    (['1.weight'], ['0.weight', '0.bias', '1.weight'])
    """
    each = list(model.named_parameters())
    free = [name for name, p in each if p.requires_grad]
    return free or [name for name, _ in each]


def thaw(model: Any) -> bool:
    """Lets all parameters learn where none may; whether that was so."""
    if any(p.requires_grad for p in model.parameters()):
        return False
    model.requires_grad_(True)
    return True


def generating(model: Any) -> list[str]:
    """Names of those of ``model.generation_parameters()`` that may be moved.

    Raises:
        UsageError: all are frozen, and others are not; or a name is that of no parameter.
    """
    free, names = set(trainable(model)), list(model.generation_parameters())
    if strange := sorted(set(names) - {name for name, _ in model.named_parameters()}):
        raise UsageError(
            f"generation_parameters() of {type(model).__name__} must name parameters as named_parameters() has them",
            found=strange[0],
            way_out="Use those names; a tied one has its first",
        )
    if found := [name for name in names if name in free]:
        return found
    raise UsageError(
        "some parameter that generation depends on must not be frozen",
        found=f"requires_grad=False in all {len(names)} of {type(model).__name__}",
        way_out="Set parameter.requires_grad_(True) for those that may move",
    )
