"""The Fisher the slow way: one backward pass per sample, a dense matrix, float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gsu_cli.surgery.ekfac import EigenvalueBuilder
from gsu_cli.surgery.kfac import KroneckerBuilder
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.surgery.vectors import unflatten


def exact_fisher(module: nn.Module, inputs: Tensor, residual: Tensor) -> Tensor:
    """``E[grad grad^T]`` over samples, parameters in the module's order."""
    rows = []
    for x, r in zip(inputs, residual, strict=True):
        g = torch.autograd.grad(module(x[None]), list(module.parameters()), r[None])
        rows.append(torch.cat([t.reshape(-1) for t in g]))
    J = torch.stack(rows)
    return J.T @ J / len(J)


def dense(apply: Callable[[dict[str, Tensor]], dict[str, Tensor]], module: nn.Module) -> Tensor:
    """The matrix of a linear map on parameter vectors, column by column."""
    like = {k: p.detach() for k, p in module.named_parameters()}
    n = sum(p.numel() for p in like.values())
    eye = torch.eye(n, dtype=torch.float64)
    return torch.stack([torch.cat([t.reshape(-1) for t in apply(unflatten(e, like)).values()]) for e in eye], 1)


def kfac(module: nn.Module, inputs: Tensor, residual: Tensor, batch: int | None = None) -> KroneckerFisher:
    return _stream(KroneckerBuilder(module), inputs, residual, batch)


def ekfac(module: nn.Module, inputs: Tensor, residual: Tensor, batch: int | None = None) -> KroneckerFisher:
    return _stream(EigenvalueBuilder(module, kfac(module, inputs, residual, batch)), inputs, residual, batch)


def _stream(
    builder: KroneckerBuilder | EigenvalueBuilder, inputs: Tensor, residual: Tensor, batch: int | None
) -> KroneckerFisher:
    size = batch or len(inputs)
    for x, r in zip(inputs.split(size), residual.split(size), strict=True):
        builder.accumulate(x, lambda output, r=r: r.view_as(output))
    return builder.finish()
