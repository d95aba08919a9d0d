"""Which parameters get Kronecker factors, and the rows ``a`` and ``g`` that those factors are made of.

A sample's gradient of a layer, weight and bias side by side, is the matrix ``sum_t g_t a_t^T`` over its locations
``t``: one for a Linear layer on vectors, the output pixels for a convolution, whose ``a_t`` are input patches
(Grosse & Martens 2016, section 3). A bias is the weight of an input that is always 1.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsu_cli.errors import UsageError
from gsu_cli.surgery.vectors import Vector, VectorLike


@dataclass(frozen=True)
class Scope:
    """The parameters of one leaf module that are asked for, by the names they have in the parameter vector.

    Attributes:
        module: name of the module.
        own: parameter's name inside the leaf ("weight") -> its name in the vector ("decoder.0.weight").
        kronecker: True for layers with factors, False where a diagonal Fisher has to do.
    """

    module: str
    own: dict[str, str]
    kronecker: bool

    def pack(self, v: VectorLike) -> Tensor:
        """The layer's part of a vector as a matrix ``(q, p)``: outputs by inputs, a bias as the last column."""
        columns = [v[self.own["weight"]].flatten(1)] if "weight" in self.own else []
        return torch.cat([*columns, v[self.own["bias"]][:, None]] if "bias" in self.own else columns, 1)

    def unpack(self, M: Tensor, like: VectorLike) -> Vector:
        """The inverse of :meth:`pack`, with the shapes and dtypes of ``like``."""
        parts: Vector = {}
        if "weight" in self.own:
            w = like[self.own["weight"]]
            parts[self.own["weight"]] = M[:, : w[0].numel()].reshape(w.shape).to(w.dtype)
        if "bias" in self.own:
            parts[self.own["bias"]] = M[:, -1].to(like[self.own["bias"]].dtype)
        return parts


def find_scopes(module: nn.Module, names: Collection[str] | None, prefix: str) -> list[Scope]:
    """One scope per leaf module that owns a parameter in ``names`` (all when None), in order of the module.

    Raises:
        UsageError: an unknown name, a parameter shared by two modules, one owned by a module with children.
    """
    known = [prefix + k for k, _ in module.named_parameters()]
    if unknown := sorted(set(names or ()) - set(known)):
        raise UsageError("parameter names must exist in the module", found=unknown[0])
    wanted = set(known if names is None else names)
    owners: dict[int, str] = {}
    scopes = []
    for name, m in module.named_modules():
        dot = f"{name}." if name else ""
        own = {k: prefix + dot + k for k, _ in m.named_parameters(recurse=False)}
        for k, p in m.named_parameters(recurse=False):
            if owners.setdefault(id(p), own[k]) != own[k] and {owners[id(p)], own[k]} & wanted:
                raise UsageError("Kronecker factors need untied weights", found=f"{own[k]} is {owners[id(p)]}")
        own = {k: full for k, full in own.items() if full in wanted}
        if own and any(True for _ in m.children()):
            raise UsageError(
                "Kronecker factors need parameters that belong to a layer of their own",
                found=next(iter(own.values())),
                way_out="Leave it out of the scope.",
            )
        if own:
            scopes.append(Scope(name, own, has_factors(m)))
    return scopes


def has_factors(layer: nn.Module) -> bool:
    """Whether the layer's gradient is a sum of ``g_t a_t^T``."""
    return type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.groups == 1)


def rows(layer: nn.Module, own: Collection[str], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """``a`` ``(n, T, p)`` and ``g`` ``(n, T, q)`` of a batch, from its input ``x`` and output gradient ``y``."""
    n = len(x)
    if isinstance(layer, nn.Conv2d):
        # the layer's own padding, any mode: the rule of torch.nn.Conv2d itself
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        x = F.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
        a = F.unfold(x, layer.kernel_size, dilation=layer.dilation, stride=layer.stride).transpose(1, 2)
        g = y.flatten(2).transpose(1, 2)
    else:
        a, g = x.reshape(n, -1, x.shape[-1]), y.reshape(n, -1, y.shape[-1])
    parts = [a] if "weight" in own else []
    if "bias" in own:
        parts.append(a.new_ones(n, a.shape[1], 1))
    return torch.cat(parts, 2), g


def squared_gradients(layer: nn.Module, own: Collection[str], x: Tensor, y: Tensor) -> Vector:
    """``sum_n (d loss_n / d parameter)^2`` of any leaf that treats samples apart, for its parameters ``own``."""
    state = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    fixed = {k: v.detach() for k, v in state.items()}

    def one(x_i: Tensor, y_i: Tensor) -> Vector:
        chosen = {k: fixed[k] for k in own}
        pull = torch.func.vjp(lambda q: torch.func.functional_call(layer, {**fixed, **q}, (x_i[None],)), chosen)[1]
        gradient: Vector = pull(y_i[None])[0]
        return gradient

    size = max(sum(fixed[k].numel() for k in own), 1)
    per_sample = torch.func.vmap(one, chunk_size=max(1, 2**24 // size))(x, y)
    return {k: v.double().square().sum(0) for k, v in per_sample.items()}
