"""What to say when memory is not enough: of what, how much was asked for, and which settings ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gsu_cli.errors import GsuError

_SAYINGS = (  # of torch's allocators and libraries, which raise plain RuntimeErrors
    "can't allocate memory",
    "not enough memory",
    "out of memory",
    "ALLOC_FAILED",
    "Storage size calculation overflowed",  # more bytes than can be counted
)
_ASKED = re.compile(r"[Tt]ried to allocate ([\d.]+) ?(bytes|KiB|MiB|GiB)")
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZES = re.compile(r"(^|_)(batch|size|images|samples|references|latents|retained)$|^n_")  # how much at once
_OTHER_SIZES = ("dataset.size", "model.")  # of an image and of a network


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was not enough, in the words of whatever noticed."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(saying in str(error) for saying in _SAYINGS)
    )


def memory_error(error: BaseException, config: Mapping[str, Any] | None = None) -> GsuError:
    """One sentence of an error of which `is_out_of_memory` is true.

    Args:
        error: of an allocator.
        config: of the run, plain values; its own settings of size are then named.

    >>> memory_error(MemoryError(), {"a": {"batch_size": 9}}).way_out
    'Lower a.batch_size (9) or the number that is far above its default'
    """
    text = str(error)
    device = not isinstance(error, MemoryError) and ("out of memory" in text or "STATUS" in text)
    asked = _ASKED.search(text)
    size = float(asked[1]) * _UNITS[asked[2]] / 1e9 if asked else 0.0
    found = f"a need for {size:,.0f} GB at once" if size >= 1 else f"a need for {size * 1e3:,.0f} MB more"
    asking = sorted(sizes(config or {}), key=lambda found: -found[1])  # what is far too much is the largest
    known = [f"{key} ({value})" for key, value in asking]
    far = ["the number that is far above its default"] if not (device and known) else []
    lower = " or ".join([*([", ".join(known)] if known else []), *far])
    return GsuError(
        f"the {'device' if device else 'machine'} must have memory for what is asked",
        found=found if asked else "too little",
        way_out=f"Lower {lower}{', or type device=cpu' if device else ''}",
    )


def sizes(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings that say how many images are held at once, with their values; those that are null are left out.

    So are those of a section whose first setting is null or 0, which is how a section is off.

    >>> list(sizes({"method": {"budget_images": 7, "lr": 1.0, "retain_images": None}, "evaluation": {"samples": 3}}))
    [('method.budget_images', 7), ('evaluation.samples', 3)]
    >>> list(sizes({"protocol": {"budget": None, "images": 1000}, "dataset": {"name": "cats", "size": 64}}))
    []
    """
    for key, value in config.items():
        if isinstance(value, Mapping):
            if next(iter(value.values()), None) in (None, 0):
                continue
            yield from sizes(value, f"{prefix}{key}.")
        elif prefix and isinstance(value, int) and not isinstance(value, bool) and _is_size(f"{prefix}{key}"):
            yield f"{prefix}{key}", value


def _is_size(key: str) -> bool:
    return bool(_SIZES.search(key.rpartition(".")[2])) and not key.startswith(_OTHER_SIZES)
