"""Which types a pickle would make, read without making any of them."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path

HARMLESS = ("torch._utils.", "torch.storage.", "torch.serialization.", "torch.Size")
PLAIN = ("collections.OrderedDict", "__builtin__.set", "builtins.set", "_codecs.encode")
SHOWN = 6


def types_in(path: Path) -> list[str]:
    """What the pickles in a file name beyond tensors, in order, each once; empty where they cannot be followed.

    Args:
        path: written by ``torch.save``, in either of its forms, or by ``pickle.dump``.
    """
    found: dict[str, None] = {}
    for data in _pickles(path):
        try:
            found |= dict.fromkeys(_globals(data))
        except (ValueError, IndexError, UnicodeDecodeError):  # not a pickle, or the raw bytes of tensors behind it
            break
    return [name for name in found if not (name.startswith(HARMLESS) or name in PLAIN or _is_storage(name))]


def is_script(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a program with its weights."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _is_storage(name: str) -> bool:
    return name.startswith("torch.") and (name.endswith("Storage") or (name.count(".") == 1 and name[6:].islower()))


def _pickles(path: Path) -> Iterator[bytes]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith("data.pkl"):
                        yield archive.read(name)
            return
        data = path.read_bytes()
    except (OSError, zipfile.BadZipFile):
        return
    start = 0
    while start < len(data):  # the older form of torch.save is several, one behind the other
        end = _end(data[start:])
        if end is None:
            return
        yield data[start : start + end]
        start += end


def _end(data: bytes) -> int | None:
    try:
        for op, _, position in pickletools.genops(data):
            if op.name == "STOP" and position is not None:
                return position + 1
    except ValueError:
        pass
    return None


def _globals(data: bytes) -> Iterator[str]:
    """``module.name`` of every class or function that the pickle asks for."""
    memo: dict[int, str] = {}
    stack: list[str] = []  # strings alone: a global of protocol 4 takes the last two
    for op, arg, _ in pickletools.genops(data):
        if op.name == "GLOBAL":
            yield str(arg).replace(" ", ".")
        elif op.name == "STACK_GLOBAL":
            yield ".".join(stack[-2:])
        elif isinstance(arg, str):
            stack.append(arg)
        elif op.name == "MEMOIZE" and stack:
            memo[len(memo)] = stack[-1]
        elif op.name in ("BINPUT", "LONG_BINPUT") and stack and arg is not None:
            memo[arg] = stack[-1]
        elif op.name in ("BINGET", "LONG_BINGET") and arg in memo:
            stack.append(memo[arg])
