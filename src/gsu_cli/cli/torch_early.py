"""The largest of torch's libraries is loaded by a thread while Hydra composes the line: a sixth of `import torch`.

Loading takes neither Python's lock nor Python. It is what `import torch` would do first, in the same order, and finds
done. Where it cannot be done, `import torch` says why.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gsu_cli.cli.torchrun import LOOKING

if TYPE_CHECKING:
    from threading import Thread

NEEDED = ("train", "unlearn", "evaluate", "audit", "reproduce")  # the verbs that import torch
LIBRARIES = ("libtorch_global_deps.so", "libtorch_cpu.so")  # in the order of torch/__init__.py
_loading: list[Thread] = []


def load_early(verb: str, words: Sequence[str]) -> None:
    """Begin, where the line is going to need it and has a second core: on Linux, and if nobody has it yet.

    Args:
        verb: of the line.
        words: of the line; workers of a sweep's launcher are processes of their own.
    """
    elsewhere = any(word.partition("=")[0] in (*LOOKING, "hydra/launcher") for word in words)
    if verb not in NEEDED or elsewhere or sys.platform != "linux" or "torch" in sys.modules:
        return
    if len(os.sched_getaffinity(0)) < 2:  # then it would only delay what a refused line has to say
        return
    from threading import Thread  # `gsu --help` needs none

    thread = Thread(target=_load, name="torch's library")
    _loading.append(thread)
    thread.start()


def loaded() -> None:
    """Wait until it is done: afterwards no thread of this module is left."""
    while _loading:
        _loading.pop().join()


def _load() -> None:
    try:
        import ctypes  # not every Python has it
        from importlib.util import find_spec

        spec = find_spec("torch")  # looks, imports nothing
    except Exception:  # noqa: BLE001 - a finder of others may raise anything: `import torch` will meet it, too
        return
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for name, mode in zip(LIBRARIES, (ctypes.RTLD_GLOBAL, ctypes.RTLD_LOCAL), strict=True):
            try:
                ctypes.CDLL(str(Path(folder, "lib", name)), mode=mode)
            except OSError:  # `import torch` tries other places, and says what is missing
                return
