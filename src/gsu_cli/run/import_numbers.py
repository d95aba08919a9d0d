"""Whether foreign numbers fit the weights that they are put into."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gsu_cli.errors import CheckpointError


def check_numbers(name: str, value: Tensor, like: Tensor, path: Path) -> None:
    """Refuses what a copy would turn into other numbers in silence."""
    if value.layout != torch.strided or value.is_quantized or value.is_meta:
        what = "quantised" if value.is_quantized else "without values" if value.is_meta else str(value.layout)[6:]
        made = "dequantize()" if value.is_quantized else "to_dense()"
        raise CheckpointError(
            "the tensors of a checkpoint must be dense",
            found=f"{name} {what} in {path}",
            way_out="Save it from a model that is on no meta device"
            if value.is_meta
            else f"Save it again with tensor.{made} of each such tensor",
        )
    if _family(value) != _family(like):
        raise CheckpointError(
            f"`{name}` must hold {_family(like)} numbers",
            found=f"{_kind(value)} in {path}",
            way_out="Quantised or packed weights must be turned back into floats first"
            if like.is_floating_point()
            else "",
        )
    if value.is_floating_point() and not bool(torch.isfinite(value.double()).all()):
        raise _not_finite(name, value, value, path)
    if name.rpartition(".")[2] == "running_var" and value.numel() and float(value.double().min()) < 0:
        raise CheckpointError("variances must not be below 0", found=f"{float(value.min()):.4g} in {name} of {path}")


def _not_finite(name: str, stored: Tensor, value: Tensor, path: Path) -> CheckpointError:
    if bool(torch.isfinite(stored.double()).all()):
        return CheckpointError(
            f"weights must fit into {_kind(value)}", found=f"{float(stored.abs().max()):.4g} in {name} of {path}"
        )
    what = "nan" if bool(stored.double().isnan().any()) else "inf"
    half = stored.dtype == torch.float16 and what == "inf"
    return CheckpointError(
        "the weights of a checkpoint must be finite",
        found=f"{what} in {name} of {path}",
        way_out="It was beyond 65,504 when saved as float16: save it as float32 or bfloat16"
        if half
        else "Take an earlier file, or train again at a lower learning rate",
    )


def _family(t: Tensor) -> str:
    if t.is_complex():
        return "complex"
    return "floating" if t.is_floating_point() else "true or false, no" if t.dtype == torch.bool else "whole"


def _kind(t: Tensor) -> str:
    return str(t.dtype).removeprefix("torch.")
