"""Whether a class can be built again from its ``config()`` and its weights: asked before it is trained, not after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from gsu_cli.errors import CheckpointError, UsageError
from gsu_cli.models.protocols import HasLoss, Samples, Trainable
from gsu_cli.models.unheld import first_unheld
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.one_line import named
from gsu_cli.run.own_names import is_ours
from gsu_cli.surgery.compiled_parts import plain_names, uncompiled

WAY_OUT = "Let config() give each argument of the constructor by its name; see `gsu show docs/own-model.md`"
N = 2
LOOKS = 10
LIBRARIES = ("torch", "torchvision", "diffusers", "pythae", "transformers")  # whose parts our own classes hold


def check_rebuilds(model: Any, shape: Sequence[int]) -> None:
    """Builds a second model from ``config()`` as a checkpoint keeps it, and compares the weights and what it does.

    Args:
        model: of a class of one's own, untrained; its weights and the random state stay as they are.
        shape: ``(c, h, w)`` of the images.

    Raises:
        UsageError: the second model cannot be built, has other weights, or with the same ones does something else.
    """
    kind = type(model).__name__
    rule = f"{kind} must be built again by its config()"
    with foreign_errors(lambda e: UsageError(rule, found=named(e), way_out=WAY_OUT)):
        config = model.config()
    if not isinstance(config, Mapping):
        found = "nothing" if config is None else f"a {type(config).__name__}"
        raise UsageError(f"config() of {kind} must give a dict", found=found, way_out=WAY_OUT)
    with foreign_errors(lambda e: UsageError(rule, found=named(e), way_out=WAY_OUT)):
        other = _again(model, json.loads(json.dumps(dict(config))))
    if any(map(is_lazy, model.parameters())):
        _what_it_does(model, (N, *shape))
    before, after = _shapes(model), _shapes(other)
    later = {name for name, t in other.state_dict().items() if is_lazy(t)}  # their shapes follow the first images
    odd = next((k for k in {**before, **after} if before.get(k) != after.get(k) and k not in later), None)
    if odd is not None:
        was, is_now = (found.get(odd, "none") for found in (before, after))
        raise UsageError(rule, found=f"{odd} of shape {is_now}, {was} in the model itself", way_out=WAY_OUT)
    if found := _unheld(model, other, (N, *shape)):
        raise UsageError(_RULE.format(kind), found=found, way_out=_KEEP)


def check_weights_suffice(model: Any, shape: Sequence[int], path: object, trained: Any = None) -> None:
    """Asks of weights that were read whether they are the model: what a constructor makes anew they do not hold.

    Args:
        model: as it was read, on the CPU; stays as it is. Classes of gsu need no look.
        shape: ``(c, h, w)`` of the images.
        path: of the file, for the message.
        trained: the model that was written there; None where it is long gone, and a second one is built.

    Raises:
        CheckpointError: another model of the same class and weights does something else.
    """
    if not is_own(model):
        return
    with foreign_errors(lambda e: CheckpointError(f"{path} must rebuild", found=named(e), way_out=WAY_OUT)):
        other = _again(model, dict(model.config())) if trained is None else trained.cpu()
    if found := _unheld(model, other, (N, *shape), moved=trained is not None):
        rule = _RULE.format(type(model).__name__)
        raise CheckpointError(rule, found=f"{found}, of {path}", way_out=f"{_KEEP}, and train it again")


_RULE = "the weights of {} must hold all that it computes with"
_KEEP = "Keep it by register_buffer(name, tensor), or make it of a torch.Generator with a seed of its own"


def is_own(model: nn.Module) -> bool:
    """Whether some of its code is neither gsu's nor a library's."""
    return any(not is_ours(m) and type(m).__module__.partition(".")[0] not in LIBRARIES for m in model.modules())


def _again(model: Any, config: Mapping[str, Any]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.rand(1)  # another state than that of the first, wherever it was seeded
        again: nn.Module = type(model)(**config)
    return uncompiled(again)


def _unheld(model: nn.Module, other: nn.Module, size: tuple[int, ...], *, moved: bool = False) -> str:
    """What makes ``other`` another model at the same weights, after training ``moved`` it or not; "" for nothing."""
    training = model.training
    weights = plain_names(model.state_dict(), other.state_dict())
    with torch.random.fork_rng(devices=[]):
        other.load_state_dict(weights)
        for looked in (False, True):
            if looked:
                _as_in_training(other, size)
                other.load_state_dict(weights)
            found = zip(_what_it_does(model.eval(), size), _what_it_does(other.eval(), size), strict=True)
            if not all(a.shape == b.shape and torch.allclose(a, b, 1e-6, 1e-7, equal_nan=True) for a, b in found):
                model.train(training)
                what = first_unheld(model, other) or "something that is neither a parameter nor a buffer"
                why = "training moves" if looked or moved else "its constructor makes anew each time"
                return f"{what}, which {why}"
    model.train(training)
    return ""


def _as_in_training(model: Any, size: tuple[int, ...]) -> None:
    """A few looks at images, as training takes them: what they move beside the weights is lost with the process."""
    g, (x, y) = torch.Generator().manual_seed(1), _images(size)
    model.train()
    for _ in range(LOOKS):
        with suppress(Exception):  # a batch of two may be too small for it, which is training's to say
            if isinstance(model, HasLoss):
                model.loss(x.clone(), y, g)
            elif isinstance(model, Trainable):
                model.losses(x.clone(), y, g)


def _what_it_does(model: Any, size: tuple[int, ...]) -> list[Tensor]:
    """Samples and losses of the same noise; of a judge its outputs."""
    x, y = _images(size)
    with torch.no_grad():
        if not isinstance(model, Samples):
            return [model(x)]
        found = [model.sample(N, torch.Generator().manual_seed(0))]
        if isinstance(model, HasLoss):
            return [*found, model.loss(x, y, torch.Generator().manual_seed(0))]
    if isinstance(model, Trainable):
        found += [loss.detach() for loss in model.losses(x, y, torch.Generator().manual_seed(0))]
    return found


def _images(size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return torch.rand(size, generator=torch.Generator().manual_seed(0)), torch.zeros(size[0], dtype=torch.int64)


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(t.shape) for name, t in model.state_dict().items() if not is_lazy(t)}
