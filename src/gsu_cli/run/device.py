"""Where a run computes: the choice, what the record says of it, and waiting for it.

``auto`` is the machine's accelerator (cuda, then mps, or another that torch knows), else the CPU.
"""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from gsu_cli.checks import as_choice
from gsu_cli.errors import UsageError, did_you_mean
from gsu_cli.run.torchrun import beside
from gsu_cli.surgery.precision import PRECISIONS, computes_in
from gsu_cli.surgery.ranks import ranks

AUTO = "auto"
ACCELERATORS = ("gpu", "tpu", "npu", "xpu", "hpu", "cuda", "mps", "rocm", "hip")  # no slips of "cpu"


def available() -> list[str]:
    """The devices that torch finds here, by the names that can be typed: ``["cpu", "cuda", "cuda:1"]``."""
    names = ["cpu"]
    if torch.accelerator.is_available():
        kind, n = str(_accelerator()), torch.accelerator.device_count()
        names += [kind, *(f"{kind}:{i}" for i in range(1, n))]
    return names


def choose(name: object) -> torch.device:
    """The device called ``name``: auto, cpu, cuda, cuda:1, mps.

    Raises:
        UsageError: there is no such device here; says which there are.
    """
    here = available()
    if name == AUTO:
        name = here[1] if len(here) > 1 else "cpu"
    if name != "cpu" and (place := beside())[1] > 1:
        name = _one_each(name, here, *place)
    plain = str(name).removesuffix(":0")
    if not isinstance(name, str) or plain not in here:
        kind = str(name).partition(":")[0].lower()
        near = "" if kind in ACCELERATORS else did_you_mean(str(name), [AUTO, *here]).strip()
        raise UsageError(
            f"`device` must be auto or one that torch finds here ({', '.join(here)})",
            found="null" if name is None else name,
            way_out=near or "Leave it out: auto takes an accelerator where torch finds one",
        )
    return torch.device(plain if plain in ("cpu", "mps") or ":" in plain else f"{plain}:0")


def choose_precision(name: object, device: torch.device) -> str:
    """The precision of training and sampling called ``name``.

    Raises:
        UsageError: it is none, or the device would be slower in it.
    """
    if not computes_in(as_choice("precision", name, PRECISIONS), device):
        raise UsageError(
            f"`precision={name}` needs a device that computes in it",
            found=f"{device}, which has no instructions for it",
            way_out="Leave it out: float32 is faster there",
        )
    return str(name)


def _one_each(name: object, here: list[str], local: int, n: int) -> object:
    """The device of one of ``n`` processes on this machine."""
    own = f"{name}:{local}"
    if name in here and own not in (f"{name}:0", *here):
        raise UsageError(
            "each process of torchrun on a machine needs a device of its own",
            found=f"{n} processes and {len([x for x in here if x.startswith(str(name))])} of {name}",
            way_out="Start fewer with --nproc-per-node, or type device=cpu",
        )
    if ":" in str(name):
        raise UsageError(
            "`device` must name no single card where torchrun starts several processes, since each has its own",
            found=name,
            way_out=f"Type device={str(name).partition(':')[0]}",
        )
    return own if name in here else name


def synchronise(device: torch.device) -> None:
    """Waits until the device has done what it was asked, so that a clock tells the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type != "cpu":
        torch.get_device_module(device).synchronize()


def settle(device: torch.device) -> None:
    """Exact float32 and repeatable kernels on CUDA, where torch's defaults are neither.

    Convolutions would round their inputs to TF32's ten bits, which is more than the differences that budgets rest on.
    """
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first handle is made
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)


def describe(device: torch.device, precision: str = "float32") -> dict[str, Any]:
    """What a reader must know of the device: numbers are bit-identical only for the same of these."""
    facts: dict[str, Any] = {
        "type": device.type,
        "name": str(device),
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": torch.get_num_threads(),
        "processes": ranks().size,
        "tf32": False,
        "autocast": None if precision == "float32" else precision,
    }
    if device.type == "cuda":
        facts["model"] = torch.cuda.get_device_name(device)
        facts["memory_mb"] = round(torch.cuda.get_device_properties(device).total_memory / 1e6)
        facts["tf32"] = bool(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)
    return facts


def peak_memory_mb(device: torch.device) -> float | None:
    """Most memory that tensors of this process held on the device at once, MB; None where torch does not count it."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    return None


def _accelerator() -> str:
    found = torch.accelerator.current_accelerator()
    return "cpu" if found is None else found.type
