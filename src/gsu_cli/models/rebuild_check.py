"""Whether a class can be built again from what its ``config()`` says: asked before it is trained, not after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gsu_cli.errors import UsageError
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.one_line import named
from gsu_cli.surgery.compiled_parts import uncompiled

WAY_OUT = "Let config() give each argument of the constructor by its name; see `gsu show docs/own-model.md`"


def check_rebuilds(model: Any) -> None:
    """Builds a second model from ``config()`` as a checkpoint keeps it, and compares names and shapes of the weights.

    Args:
        model: of a class of one's own; the random state stays as it is.

    Raises:
        UsageError: the second model cannot be built, or has other weights.
    """
    kind = type(model).__name__
    rule = f"{kind} must be built again by its config()"
    with foreign_errors(lambda e: UsageError(rule, found=named(e), way_out=WAY_OUT)):
        config = model.config()
    if not isinstance(config, Mapping):
        found = "nothing" if config is None else f"a {type(config).__name__}"
        raise UsageError(f"config() of {kind} must give a dict", found=found, way_out=WAY_OUT)
    with (
        foreign_errors(lambda e: UsageError(rule, found=named(e), way_out=WAY_OUT)),
        torch.random.fork_rng(devices=[]),
    ):
        other = uncompiled(type(model)(**json.loads(json.dumps(dict(config)))))
    before, after = _shapes(model), _shapes(other)
    odd = next((name for name in {**before, **after} if before.get(name) != after.get(name)), None)
    if odd is not None:
        was, is_now = (found.get(odd, "none") for found in (before, after))
        raise UsageError(rule, found=f"{odd} of shape {is_now}, {was} in the model itself", way_out=WAY_OUT)


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
