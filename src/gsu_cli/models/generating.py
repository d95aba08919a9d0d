"""How far a model that generates step by step has come: heard by whoever waits, told by the model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_listener: ContextVar[Callable[[float], None] | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def watching(on_images: Callable[[float], None]) -> Iterator[None]:
    """Calls ``on_images`` with the images made since `watching` began; one that is half made counts as half.

    >>> seen = []
    >>> with watching(seen.append):
    ...     made(2), made(0.5)
    (None, None)
    >>> made(1), seen
    (None, [2.0, 2.5])
    """
    total = 0.0

    def heard(n: float) -> None:
        nonlocal total
        total += n
        on_images(total)

    token = _listener.set(heard)
    try:
        yield
    finally:
        _listener.reset(token)


def made(n: float) -> None:
    """Says that ``n`` more images are made; nobody need listen."""
    listener = _listener.get()
    if listener is not None:
        listener(n)
