"""A batch cut into pieces that do not depend on who computes them, and noise that does not depend on the cut.

A model samples the noise of its loss itself, for as many images as it is given. While a piece is computed, whatever is
sampled for its images from the batch's generator is made for the whole batch, and the rows of the piece are kept: image
i sees the noise that it would have seen in the uncut batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gsu_cli.errors import UsageError

PIECES = 8  # of a batch, at most: as many processes can share one
LEAST = 16  # images in a piece, where the batch has so many: smaller ones take as long
FROM_SIZES = ("rand", "randn", "randint", "normal")
_open: list[_Cut] = []


def cuts(n: int) -> list[slice]:
    """The rows of each piece of ``n >= 1``.

    >>> cuts(40), len(cuts(256))
    ([slice(0, 20, None), slice(20, 40, None)], 8)
    """
    count = max(1, min(PIECES, n // LEAST))
    ends = [n * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


@contextmanager
def piece(rows: slice, n: int, generator: torch.Generator) -> Iterator[None]:
    """Within, samples of ``generator`` for the images of ``rows`` are those rows of samples for all ``n``."""
    cut = _Cut(rows, n, generator)
    _open.append(cut)
    try:
        with cut:
            yield
    finally:
        _open.pop()


def for_all(n: int, draw: Callable[[int], Tensor]) -> Tensor:
    """``draw(n)``, for samples that are made together; within a piece its rows of those for the whole batch."""
    if not _open or n != _open[-1].size:
        return draw(n)
    cut = _open[-1]
    cut.whole_already = True
    try:
        return draw(cut.n)[cut.rows]
    finally:
        cut.whole_already = False


class _Cut(TorchFunctionMode):  # type: ignore[misc, unused-ignore]
    def __init__(self, rows: slice, n: int, generator: torch.Generator) -> None:
        super().__init__()
        self.rows, self.n, self.generator = rows, n, generator
        self.size = rows.stop - rows.start
        self.whole_already = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("generator") is not self.generator or self.whole_already:
            return func(*args, **kwargs)
        name = func.__name__
        if name.endswith("_"):
            return self._in_place(func, args, kwargs)
        if name in FROM_SIZES and not any(isinstance(x, Tensor) for x in args):
            args, kwargs, cut = self._widened(args, kwargs)
            found = func(*args, **kwargs)
            return found[self.rows] if cut else found
        sized = args and (args[0] == self.size if name == "randperm" else self._is_of_images(args[0]))
        if sized:
            raise UsageError(
                "a model that several processes train must sample noise that can be sampled for all images at once",
                found=f"torch.{name} in its loss",
                way_out="Use torch.rand or torch.randn(..., generator=generator), or train in one process",
            )
        return func(*args, **kwargs)

    def _is_of_images(self, x: object) -> bool:
        return isinstance(x, Tensor) and x.ndim > 0 and len(x) == self.size

    def _in_place(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        target = args[0]
        if not self._is_of_images(target):
            return func(*args, **kwargs)
        whole = target.new_empty((self.n, *target.shape[1:]))
        func(whole, *args[1:], **kwargs)
        with torch.no_grad():
            target.copy_(whole[self.rows])
        return target

    def _widened(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Sequence[Any], dict[str, Any], bool]:
        """The arguments with the whole batch's size in place of the piece's, and whether that was there."""

        def first(size: Sequence[int]) -> bool:
            return len(size) > 0 and size[0] == self.size

        if "size" in kwargs:
            cut = first(kwargs["size"])
            return args, {**kwargs, "size": (self.n, *kwargs["size"][1:])} if cut else kwargs, cut
        if args and isinstance(args[-1], Sequence):
            cut = first(args[-1])
            return [*args[:-1], (self.n, *args[-1][1:])] if cut else args, kwargs, cut
        cut = first(args)
        return (self.n, *args[1:]) if cut else args, kwargs, cut
