"""Python's collector of cycles rests while a line starts: imports and configs make a million objects, and all stay.

Looking through them again and again takes a fifth of the time of `import torch` and a quarter of composing a config.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_resting: list[bool] = []
_settled: list[bool] = []


@contextmanager
def resting() -> Iterator[None]:
    """Within, until `wake`, nothing is collected; whoever has turned the collector off keeps it off."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    _resting.append(True)
    try:
        yield
    finally:
        wake()


def wake() -> None:
    """The work begins: the collector is on again, and never looks at what the first start of a process has made."""
    if not _resting:
        return
    _resting.clear()
    if not _settled:
        _settled.append(True)
        gc.freeze()
    gc.enable()
