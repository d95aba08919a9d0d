"""An accelerator on a machine that has none: device ``pretend``, whose tensors are real CPU tensors behind a wall.

Whatever is computed there is computed by the CPU's kernels, so results must equal the CPU's to the last bit; and what a
real accelerator refuses is refused: tensors of two devices in one operation, generators of the CPU, `numpy()`, and,
under :func:`without_float64`, double precision. torch registers such devices through
``torch.utils.backend_registration`` (experimental; seen to work with torch 2.14).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch import library as registry
from torch.utils import backend_registration

from gsu_cli.surgery import devices

NAME = "pretend"
CROSSING = ("aten::_to_copy", "aten::copy_")  # what carries values over the wall
INDEXING = ("aten::index", "aten::index_put_", "aten::_index_put_impl_", "aten::_unsafe_index")  # by indices of the CPU
_settings = {"float64": True}


class Behind(Tensor):
    """A tensor on the device; ``raw`` holds its values."""

    raw: Tensor

    @staticmethod
    def __new__(cls, raw: Tensor) -> Behind:
        found: Behind = torch.Tensor._make_wrapper_subclass(
            cls, raw.size(), strides=raw.stride(), storage_offset=raw.storage_offset(), dtype=raw.dtype,
            layout=raw.layout, requires_grad=raw.requires_grad, device=torch.device(NAME, 0),
        )  # fmt: skip
        found.raw = raw
        return found

    def __init__(self, raw: Tensor) -> None: ...

    def tolist(self) -> Any:
        return self.raw.tolist()

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(op, args, kwargs or {})


def _run(op: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = op._schema.name
    words = _leaves((args, kwargs))
    given = [x for x in words if isinstance(x, Tensor)]
    behind = [x for x in given if type(x) is Behind]
    outside = [x for x in given if type(x) is not Behind and x.ndim]
    if name in INDEXING and isinstance(args[0], Behind):
        outside = [x for x in outside if x.dtype not in (torch.int64, torch.bool)]
    if behind and outside and name not in CROSSING:
        raise RuntimeError(f"tensors on two devices in {op}")
    if any(isinstance(x, torch.Generator) for x in words):
        raise RuntimeError(f"a generator of another device in {op}")
    here = bool(behind)
    if kwargs.get("device") is not None:
        wanted = torch.device(kwargs["device"]).type
        here = wanted == NAME
        kwargs = {**kwargs, "device": torch.device("meta" if wanted == "meta" else "cpu")}
    if name == "aten::_local_scalar_dense":
        return args[0].raw.item()
    if name == "aten::_efficientzerotensor":
        return Behind(torch.zeros(*args, **kwargs))
    if name == "aten::copy_":
        _bare(args[0]).copy_(_bare(args[1]))
        return args[0]
    out = op(*_each(_bare, args), **_each(_bare, kwargs))
    if (
        here
        and not _settings["float64"]
        and any(x.dtype == torch.float64 for x in _leaves(out) if isinstance(x, Tensor))
    ):
        raise TypeError(f"no float64 on this device, in {op}")
    same = {id(x.raw): x for x in behind}  # what was changed in place is the tensor that it was
    return _each(lambda x: same.get(id(x), Behind(x) if here else x) if isinstance(x, Tensor) else x, out)


def _bare(x: Any) -> Any:
    return x.raw if type(x) is Behind else x


def _each(act: Callable[[Any], Any], x: Any) -> Any:
    """``act`` of all but tuples, lists, dicts; torch's own for trees takes as long as the kernels of small tensors."""
    kind = type(x)
    if kind is tuple or kind is list:
        return kind([_each(act, y) for y in x])
    return {key: _each(act, y) for key, y in x.items()} if kind is dict else act(x)


def _leaves(x: Any) -> list[Any]:
    found: list[Any] = []
    _each(found.append, x)
    return found


class _Module(backend_registration._DummyBackendModule):  # type: ignore[misc]
    def device_count(self) -> int:
        return 1

    def synchronize(self, device: Any = None) -> None: ...


def register() -> None:
    """Makes the device known to torch, once a process."""
    if backend_registration._get_privateuse1_backend_name() == NAME:
        return
    backend_registration._setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
    kernels = registry.Library("_", "IMPL", "PrivateUse1")
    kernels.fallback(lambda op, *args, **kwargs: _run(op, args, kwargs))
    _settings["kernels"] = kernels  # lives as long as the process


@contextlib.contextmanager
def without_float64() -> Iterator[None]:
    """As on Apple's devices, where double precision is an error."""
    _settings["float64"] = False
    devices.NO_FLOAT64.add(NAME)
    try:
        yield
    finally:
        devices.NO_FLOAT64.remove(NAME)
        _settings["float64"] = True
