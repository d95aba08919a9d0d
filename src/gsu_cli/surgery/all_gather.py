"""Tensors by name, given to every process by every process."""

from __future__ import annotations

import pickle
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gsu_cli.errors import GsuError, ProcessError
from gsu_cli.surgery.vectors import Vector


class Exchange:
    """Talks through torch's default process group, which has been set up; the head of a message goes by the CPU."""

    def __init__(self) -> None:
        self.index, self.size = dist.get_rank(), dist.get_world_size()
        self.lost: ProcessError | None = None  # once another process has ended

    def all(self, own: Vector | Exception) -> list[Vector]:
        """What each rank has, in order of the ranks.

        Args:
            own: tensors of this rank, those of an accelerator all on one; they are given out on the same device.

        Raises:
            Exception: the first that a rank handed in instead.
            ProcessError: a process has ended.
        """
        tensors = [] if isinstance(own, Exception) else list(own.values())
        head = own if isinstance(own, Exception) else [_said(k, x) for k, x in own.items()]
        device = next((x.device for x in tensors if x.device.type == "cuda"), torch.device("cpu"))
        heads = [pickle.loads(x.numpy().tobytes()) for x in self._gather(_pickled(head))]  # noqa: S301 - our own
        if failed := [said for said in heads if isinstance(said, Exception)]:
            raise failed[0]
        bodies = self._gather(_bytes(tensors, device), device)
        return [_read(said, body) for said, body in zip(heads, bodies, strict=True)]

    def texts(self, own: str) -> list[str]:
        """A text of each rank."""
        return [x.numpy().tobytes().decode() for x in self._gather(_of_bytes(own.encode()))]

    def _gather(self, own: Tensor, device: torch.device | None = None) -> list[Tensor]:
        """Bytes of each rank, as many as each has."""
        try:
            sizes = [torch.empty(1, dtype=torch.int64) for _ in range(self.size)]
            dist.all_gather(sizes, torch.tensor([len(own)]))
            most = max(int(n) for n in sizes)
            if not most:
                return [own] * self.size
            parts = [torch.empty(most, dtype=torch.uint8, device=device) for _ in sizes]
            padded = torch.cat([own, own.new_empty(most - len(own))])
            dist.all_gather(parts, padded)
        except RuntimeError as e:  # what gloo and nccl say, each in words of its own
            self.lost = ProcessError.of_a_lost_one(str(e))
            raise self.lost from e
        return [part[: int(n)] for part, n in zip(parts, sizes, strict=True)]


Said = tuple[str, list[int], tuple[int, ...], torch.dtype, bool]
"""Name, shape, strides, type, and whether it lies on the CPU."""


def _said(name: str, x: Tensor) -> Said:
    # strides, since sums go through memory as it lies: the same numbers in another layout round otherwise
    return name, list(x.shape), torch.empty_like(x, device="meta").stride(), x.dtype, x.device.type == "cpu"


def _pickled(head: Any) -> Tensor:
    try:
        data = pickle.dumps(head)
        if isinstance(head, Exception) and not isinstance(head, GsuError):
            pickle.loads(data)  # noqa: S301 - some can be written and not read
    except Exception:  # noqa: BLE001 - an exception can hold anything
        data = pickle.dumps(RuntimeError(f"{type(head).__name__}: {head}"))
    return _of_bytes(data)


def _of_bytes(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)


def _bytes(tensors: list[Tensor], device: torch.device) -> Tensor:
    flat = [x.detach().to(device).contiguous().reshape(-1).view(torch.uint8) for x in tensors]
    return torch.cat(flat) if flat else torch.empty(0, dtype=torch.uint8, device=device)


def _read(said: list[Said], body: Tensor) -> Vector:
    found: Vector = {}
    at = 0
    for name, shape, stride, dtype, of_cpu in said:
        n = torch.Size(shape).numel() * dtype.itemsize
        x = body[at : at + n].clone().view(dtype).view(shape)  # a copy, since a type begins at a multiple of its size
        laid_out = torch.empty_strided(shape, stride, dtype=dtype, device="cpu" if of_cpu else x.device)
        found[name] = laid_out.copy_(x)
        at += n
    return found
