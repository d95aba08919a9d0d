"""What moves the last bit of a float, beside the numbers that go in: code, torch, the CPU and its threads."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
from pathlib import Path

import torch

MOVES_BITS = ("ONEDNN_", "DNNL_", "MKL_", "OMP_", "ATEN_")  # beginnings of environment variables


def surroundings() -> dict[str, object]:
    """What a float's last bit depends on beside the content."""
    return {
        "code": _code(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": [platform.machine(), _processor(), torch.backends.cpu.get_cpu_capability()],
        "settings": {k: v for k, v in os.environ.items() if k.startswith(MOVES_BITS)},
    }


@functools.cache
def _code() -> str:
    """sha256 of the package's sources, names and bytes."""
    here, h = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(here.rglob("*.py")):
        source = path.read_bytes()
        h.update(f"{path.relative_to(here).as_posix()}|{len(source)}|".encode() + source)
    return h.hexdigest()


@functools.cache
def _processor() -> str:
    """The model of the CPU; where the system does not say, what Python knows of it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
