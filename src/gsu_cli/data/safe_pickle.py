"""Pickles of NumPy arrays, bytes, lists and dicts, read without running anything that they name.

A pickle is a program that may call any function. Here the few names that arrays are pickled with lead to inert
stand-ins of this module, every other name is refused, and the arrays are built from the bytes and checked.
"""

from __future__ import annotations

import pickle
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsu_cli.errors import DataError, unreadable
from gsu_cli.run.stand_ins import StandIn, stand_in_at

KINDS = {"u1": 1, "i1": 1, "i2": 2, "i4": 4, "i8": 8, "u2": 2, "u4": 4, "u8": 8, "b1": 1}  # dtype -> bytes of an entry
BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    RecursionError,
    ImportError,
)


def read_pickle(path: Path) -> Any:
    """The content of ``path``: arrays, numbers, bytes, str, lists, tuples and dicts.

    Raises:
        DataError: the file is unreadable or damaged, or names anything else; the message says what.
    """
    try:
        with path.open("rb") as file:
            return _plain(_Inert(file, encoding="bytes").load())
    except OSError as error:
        raise unreadable(path, error, DataError) from None
    except BROKEN as error:
        again = StandIn(str(error).split("\n")[0] or type(error).__name__, "Get it again from where it was published.")
        other = stand_in_at(path) or again
        raise DataError(
            f"{path} must be a whole pickle of arrays, bytes, lists and dicts",
            found=other.what,
            way_out=other.way_out,
        ) from None


class _Dtype:
    def __init__(self, code: Any = b"", *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        self.order = {"<": "<", ">": ">", "|": "<", "=": "<"}[order.decode() if isinstance(order, bytes) else order]

    def read(self, data: Any, n: int) -> NDArray[Any]:
        if self.code not in KINDS or not isinstance(data, bytes | bytearray) or len(data) != n * KINDS[self.code]:
            raise ValueError(f"an array of {n} entries of {self.code!r} that does not fit its bytes")
        return np.frombuffer(data, dtype=f"{self.order}{self.code}")


class _Array:
    """Stands for an ndarray while the pickle is read; `value` is the array."""

    value: NDArray[Any]

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _shaped(data, dtype, shape, "F" if fortran else "C")


def _shaped(data: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    sizes = tuple(shape) if isinstance(shape, tuple) else (shape,)
    if not isinstance(dtype, _Dtype) or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in sizes):
        raise ValueError("an array without a shape or a dtype")
    return dtype.read(data, prod(sizes)).reshape(sizes, order="F" if order == "F" else "C")


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> _Array:
    found = _Array()
    found.value = _shaped(data, dtype, shape, order)
    return found


def _scalar(dtype: Any, data: Any) -> Any:
    return _shaped(data, dtype, (), "C").item()


def _bytes(text: Any, encoding: Any = "latin1") -> bytes:
    """Python 3 pickles bytes as a str to encode where the protocol has no bytes."""
    if not isinstance(text, str):
        raise pickle.UnpicklingError("bytes made of something else than a str")
    return text.encode("latin1")


def _blank(*_: Any) -> _Array:
    return _Array()


STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _bytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _blank for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


class _Inert(pickle.Unpickler):  # find_class below is the only way to a name, and leads here alone
    def find_class(self, module: str, name: str) -> Any:
        try:
            return STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the name {module}.{name}, which is not read") from None


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {k.decode() if isinstance(k, bytes) else k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
