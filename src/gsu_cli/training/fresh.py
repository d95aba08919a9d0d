"""Fresh weights: where a training from scratch begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.models.frozen import trainable
from gsu_cli.run.checkpoints import Rebuilds
from gsu_cli.run.foreign_errors import foreign_errors
from gsu_cli.run.one_line import named
from gsu_cli.run.seeds import derive

MARK = 1234.5678  # no initialiser gives it
COMPUTED = "parametrizations"  # of torch.nn.utils.parametrize: what stands below belongs together


@contextmanager
def constructing(seed: int) -> Iterator[None]:
    """Within, a constructor's own random numbers are of ``seed``: frozen features, say, which `initialise` keeps.

    >>> with constructing(0):
    ...     a = torch.rand(2)
    >>> with constructing(0):
    ...     b = torch.rand(2)
    >>> torch.equal(a, b)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "construct"))
        yield


def initialise(model: Any, seed: int) -> None:
    """Fresh weights in place, from every submodule's own ``reset_parameters``; bit-reproducible for a seed.

    Layers come first, in order, then what holds them, from the inside out: a model's own ``reset_parameters`` has the
    last word. Weights that none of them sets are those of a second model built from ``config()``: what weight or
    spectral normalisation, pruning and `torch.nn.utils.parametrize` compute a layer's weight from, and parameters of a
    module of one's own. Frozen parameters stay.

    torch's initialisers know the global generator only: its state is saved, seeded and put back.

    Raises:
        UsageError: a parameter that no ``reset_parameters`` sets, of a model that cannot be built again.
    """
    own, learned = dict(model.named_parameters()), set(trainable(model))
    before = {k: p.detach().clone() for k, p in own.items()}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(derive(seed, "initialise"))
        for p in own.values():
            p.fill_(MARK)  # whoever keeps it was not reset
        try:
            _reset(model, learned)
            now = dict(model.named_parameters())
            if left := [k for k in learned if bool((now[k] == torch.full_like(now[k], MARK)).any())]:
                _build_anew(model, sorted(left))
        except BaseException:
            _put(model, before, before)
            raise
        _put(model, before, before.keys() - learned)


def _reset(model: nn.Module, learned: set[str]) -> None:
    free = {id(p) for k, p in model.named_parameters() if k in learned}
    frozen: set[nn.Module] = set()  # with all that is inside: BatchNorm's statistics belong to the weights
    for module in model.modules():
        own = {id(p) for p in module.parameters()}
        if own and not own & free:
            frozen.update(module.modules())
    modules = list(model.modules())
    layers = [m for m in modules if next(m.children(), None) is None]
    for module in [*layers, *(m for m in reversed(modules) if m not in layers)]:
        if module not in frozen and callable(reset := getattr(module, "reset_parameters", None)):
            reset()


def _put(model: nn.Module, values: dict[str, Tensor], names: Iterable[str]) -> None:
    own = dict(model.named_parameters())
    for k in names:
        own[k].copy_(values[k])


def _build_anew(model: Any, left: list[str]) -> None:
    """The parameters ``left``, and buffers of the modules that hold them, from a second model of ``config()``."""
    kind, module = type(model).__name__, model
    rule = "to train from scratch, every parameter needs a `reset_parameters()` that sets it"
    way_out = "Give its module one, or the model a config() that builds it again; see `gsu show docs/own-model.md`"
    if not isinstance(model, Rebuilds):
        raise UsageError(rule, found=f"{left[0]} of {kind}, which has no config() either", way_out=way_out)
    with foreign_errors(lambda e: UsageError(rule, found=f"{left[0]} of {kind}, and {named(e)}", way_out=way_out)):
        fresh: nn.Module = type(module)(**model.config())
        theirs, own = dict(fresh.named_parameters()), dict(module.named_parameters())
        buffers = dict(fresh.named_buffers())
        for k in left:
            own[k].copy_(theirs[k])
        holders = {k.rpartition(".")[0] for k in left}
        for k, b in module.named_buffers():
            holder = k.rpartition(".")[0]
            if holder in holders or (COMPUTED in holder.split(".") and _above(holder) in map(_above, holders)):
                b.copy_(buffers[k])


def _above(holder: str) -> str:
    """The layer whose weight is computed below ``holder``."""
    return holder.partition(f".{COMPUTED}.")[0]
