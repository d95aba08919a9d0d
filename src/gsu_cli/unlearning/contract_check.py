"""What a method has left behind, checked at once: a method of one's own may return or rebuild anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import UnionType

import torch
from torch import Tensor

from gsu_cli.errors import UsageError
from gsu_cli.models.protocols import Capability
from gsu_cli.run.one_line import in_one_line
from gsu_cli.run.own_names import is_plain
from gsu_cli.unlearning.contract import Update

SEE = "See `gsu show docs/own-method.md`"
KINDS = {**dict.fromkeys(("predicted", "realised"), "a dict of numbers"), "details": "a dict"}


def _number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _numbers(value: object) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


NUMBERS = ("shots", "step_norm", "relative_norm", "cosine", "surviving_share")
FIELDS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(("predicted", "realised"), _numbers),
    "details": lambda value: isinstance(value, dict),
}


def check_update(update: object, method: object) -> Update:
    """The update, if it is one that a record can hold.

    Raises:
        UsageError: it is none, or has details that are no plain values.
    """
    who = _name(method)
    if not isinstance(update, Update):
        raise UsageError(
            f"{who} must return an `Update`",
            found="nothing" if update is None else type(update).__name__,
            way_out="Let it end with `return Update(self.name)`, see `gsu show docs/own-method.md`",
        )
    if not is_plain(update.method):
        raise UsageError(
            f"`method` of the Update of {who} must be its name",
            found=f"{in_one_line(repr(update.method)):.100}",
            way_out="Let it end with `return Update(self.name)`, see `gsu show docs/own-method.md`",
        )
    odd = next((name for name, fits in FIELDS.items() if not fits(getattr(update, name))), None)
    if odd is not None:
        raise UsageError(
            f"`{odd}` of the Update of {who} must be {KINDS.get(odd, 'a number or None')}",
            found=f"{in_one_line(repr(getattr(update, odd))):.60}",
            way_out="Use float() to make a number of a tensor",
        )
    try:
        json.dumps(update.details)
    except (TypeError, ValueError) as e:
        raise UsageError(
            f"`details` of the Update of {who} must hold plain numbers, words, lists and dicts",
            found=str(e),
            way_out="Use float() or .tolist() to make numbers of tensors",
        ) from e
    return update


def check_parameters(before: Mapping[str, Tensor], after: Mapping[str, Tensor], method: object) -> None:
    """A method moves weights; which there are, their shapes and types stay: a checkpoint is read into the same class.

    Raises:
        UsageError: naming the first that does not stay.
    """
    kinds = tuple({k: _kind(v) for k, v in p.items()} for p in (before, after))
    odd = next((k for k in {**kinds[0], **kinds[1]} if kinds[0].get(k) != kinds[1].get(k)), None)
    if odd is not None:
        was, is_now = (s.get(odd, "none") for s in kinds)
        raise UsageError(
            f"{_name(method)} must leave names, shapes and types of the model's parameters as they are",
            found=f"{odd}: {is_now}, {was} before",
            way_out=SEE,
        )


def check_frozen(frozen: Mapping[str, Tensor], after: Mapping[str, Tensor], method: object) -> None:
    """What a model holds still, an adapter's base say, a method holds still, too.

    Raises:
        UsageError: naming the first that has moved.
    """
    if moved := next((k for k, v in frozen.items() if not torch.equal(v, after[k])), None):
        raise UsageError(
            f"{_name(method)} must leave frozen parameters as they are",
            found=f"{moved} moved, whose requires_grad is False",
            way_out="Let it move those of names_in_scope(model, scope) alone, or thaw the parameter",
        )


def _kind(parameter: Tensor) -> str:
    shape = "x".join(map(str, parameter.shape)) or "one number"
    return f"{shape}, {str(parameter.dtype).removeprefix('torch.')} on {parameter.device}"


def capabilities(method: object) -> Sequence[Capability]:
    """What ``needs`` of the method names.

    Raises:
        UsageError: it is no tuple of classes, words say.
    """
    needs: object = getattr(method, "needs", ())
    if isinstance(needs, tuple | list) and all(isinstance(need, type | UnionType) for need in needs):
        return needs
    raise UsageError(
        f"`needs` of {_name(method)} must be a tuple of classes of gsu_cli.models.protocols",
        found=f"{in_one_line(repr(needs)):.60}",
        way_out="Write `from gsu_cli.models.protocols import HasLoss` and `needs = (HasLoss,)`",
    )


def _name(method: object) -> str:
    return f"the method {type(method).__name__}"
