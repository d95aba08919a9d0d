"""Which parameters get Kronecker factors, and the rows ``a`` and ``g`` that those factors are made of.

A sample's gradient of a layer, weight and bias side by side, is the matrix ``sum_t g_t a_t^T`` over its locations
``t``: one for a Linear layer on vectors, the output pixels for a convolution, whose ``a_t`` are input patches
(Grosse & Martens 2016, section 3). A bias is the weight of an input that is always 1. A transposed convolution is the
same with the roles changed: its locations are the input pixels, ``a_t`` one of them and ``g_t`` the patch of output
gradients that it reaches; its bias, which no such row moves, has a diagonal Fisher. Of a convolution in groups each
group is a layer of its own: matrices then have the group as their first dimension.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gsu_cli.errors import UsageError
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.taps import GRADIENTS_ALONE
from gsu_cli.surgery.vectors import Vector, VectorLike

AT_ONCE = 2**18  # values of patches that are laid out together on each core: 1 MB stays in its caches


@dataclass(frozen=True)
class Scope:
    """The parameters of one leaf module that are asked for, by the names they have in the parameter vector.

    Attributes:
        module: name of the module.
        own: parameter's name inside the leaf ("weight") -> its name in the vector ("decoder.0.weight").
        kronecker: True for layers with factors, False where a diagonal Fisher has to do.
        groups: of a convolution.
        transposed: a transposed convolution, whose weight lies inputs by outputs.
    """

    module: str
    own: dict[str, str]
    kronecker: bool
    groups: int = 1
    transposed: bool = False

    def pack(self, v: VectorLike) -> Tensor:
        """The layer's part of a vector as a matrix ``(q, p)``: outputs by inputs, a bias as the last column.

        With several groups ``(groups, q, p)``, outputs and inputs of one group.
        """
        columns = [self._matrix(v[self.own["weight"]])] if "weight" in self.own else []
        if "bias" in self.own:
            bias = v[self.own["bias"]]
            columns.append(bias[:, None] if self.groups == 1 else bias.view(self.groups, -1, 1))
        return torch.cat(columns, -1)

    def unpack(self, M: Tensor, like: VectorLike) -> Vector:
        """The inverse of :meth:`pack`, with the shapes and dtypes of ``like``."""
        parts: Vector = {}
        if "weight" in self.own:
            w = like[self.own["weight"]]
            part = M[..., : M.shape[-1] - ("bias" in self.own)]
            parts[self.own["weight"]] = (part.mT if self.transposed else part).reshape(w.shape).to(w)
        if "bias" in self.own:
            b = like[self.own["bias"]]
            parts[self.own["bias"]] = M[..., -1].reshape(b.shape).to(b)
        return parts

    def _matrix(self, w: Tensor) -> Tensor:
        flat = w.flatten(1) if self.groups == 1 else w.reshape(self.groups, w.shape[0] // self.groups, -1)
        return flat.mT if self.transposed else flat


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
        if own and (parametrize.is_parametrized(m) or "parametrizations" in name.split(".")):
            raise UsageError(
                "this method needs layers whose weights are parameters",
                found=f"{next(iter(own.values()))} of a layer whose weight torch.nn.utils.parametrize computes",
                way_out=GRADIENTS_ALONE,
            )
        if own and any(True for _ in m.children()):
            raise UsageError(
                "Kronecker factors need parameters that belong to a layer of their own",
                found=next(iter(own.values())),
                way_out="Leave it out of the scope; attention's q, k and v can be nn.Linear layers of their own",
            )
        if own:
            scopes += _scopes(name, m, own)
    return scopes


def _scopes(name: str, layer: nn.Module, own: dict[str, str]) -> list[Scope]:
    if type(layer) is nn.ConvTranspose2d:
        parts = [Scope(name, {k: v}, k == "weight", layer.groups, True) for k, v in own.items()]
        return [p if p.kronecker else Scope(name, p.own, False) for p in parts]
    groups = layer.groups if isinstance(layer, nn.Conv2d) and has_factors(layer) else 1
    return [Scope(name, own, has_factors(layer), groups)]


def has_factors(layer: nn.Module) -> bool:
    """Whether the gradient of the layer's weight is a sum of ``g_t a_t^T``."""
    return type(layer) in (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def maps_patches(layer: nn.Module) -> bool:
    """Whether the layer's output at a location is ``W a_t + b`` of one patch: what a refit by least squares needs."""
    return type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.groups == 1)


def rows(layer: nn.Module, own: Collection[str], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """``a`` ``(n, T, p)`` and ``g`` ``(n, T, q)`` of a batch, from its input ``x`` and output gradient ``y``.

    With several groups ``(groups, n, T, p)`` and ``(groups, n, T, q)``, for the inputs and outputs of one group.
    """
    n, groups = len(x), 1
    if isinstance(layer, nn.Conv2d):
        ones = int("bias" in own) if layer.groups == 1 and "weight" in own else 0
        a, g, groups = _patches(layer, x, y.shape[2:], ones), y.flatten(2).transpose(1, 2), layer.groups
        if ones:
            return a, g
    elif isinstance(layer, nn.ConvTranspose2d):
        a, g = x.flatten(2).transpose(1, 2), _reached(layer, y, x.shape[2:]).transpose(1, 2)
        groups = layer.groups
    else:
        a, g = x.reshape(n, -1, x.shape[-1]), y.reshape(n, -1, y.shape[-1])
    if groups > 1:
        a, g = (t.unflatten(2, (groups, -1)).permute(2, 0, 1, 3) for t in (a, g))
    parts = [a] if "weight" in own else []
    if "bias" in own:
        parts.append(a.new_ones(*a.shape[:-1], 1))
    return torch.cat(parts, -1), g


def _patches(layer: nn.Conv2d, x: Tensor, size: torch.Size, ones: int) -> Tensor:
    """Input patches of each output pixel, ``(n, T, c * kernel)``, then ``ones`` columns of ones.

    The columns of `torch.nn.functional.unfold` as rows, laid out once and a few images at a time.
    """
    # the layer's own padding, any mode: the rule of torch.nn.Conv2d itself
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    (up, across), (down, right), (apart, aside) = layer.kernel_size, layer.stride, layer.dilation
    n, c, width = len(x), x.shape[1], x.shape[1] * up * across
    out = x.new_ones(n, *size, width + ones)
    at_once = n
    if x.device.type == "cpu":
        at_once = max(1, AT_ONCE * torch.get_num_threads() // (size.numel() * (width + ones)))
    for some, laid in zip(x.split(at_once), out.split(at_once), strict=True):
        padded = F.pad(some, layer._reversed_padding_repeated_twice, mode=mode).permute(0, 2, 3, 1).contiguous()
        patches = laid[..., :width].unflatten(-1, (c, up * across))
        for k in range(up * across):
            i, j = k // across * apart, k % across * aside
            ends = i + down * (size[0] - 1) + 1, j + right * (size[1] - 1) + 1
            patches[..., k] = padded[:, i : ends[0] : down, j : ends[1] : right]
    return out.flatten(1, 2)


def _reached(layer: nn.ConvTranspose2d, y: Tensor, size: torch.Size) -> Tensor:
    """Patches of the output gradient that each input pixel reaches, ``(n, q, T)``."""
    padding = tuple(p if isinstance(p, int) else 0 for p in layer.padding)
    patches = F.unfold(y, layer.kernel_size, dilation=layer.dilation, padding=padding, stride=layer.stride)
    # an output padding of a whole stride makes room for patches that no input pixel reaches
    spans = [d * (k - 1) + 1 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    fits = [
        (length + 2 * p - span) // s + 1
        for length, p, span, s in zip(y.shape[2:], padding, spans, layer.stride, strict=True)
    ]
    reached: Tensor = patches.unflatten(2, fits)[:, :, : size[0], : size[1]].flatten(2)
    return reached


def squared_gradients(layer: nn.Module, own: Collection[str], uses: Sequence[tuple[Tensor, Tensor]]) -> Vector:
    """``sum_n (d loss_n / d parameter)^2`` of any leaf that treats samples apart, for its parameters ``own``.

    Where one forward pass calls the leaf several times a sample's gradient is the sum over the calls, squared
    afterwards.

    Args:
        layer: the leaf.
        own: names of its parameters.
        uses: input ``(n, ...)`` and output gradient ``(n, ...)`` of each call.
    """
    if type(layer) is nn.GroupNorm:
        return _squared_of_a_norm(layer, own, uses)
    state = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    fixed = {k: v.detach() for k, v in state.items()}

    def one(*pairs: tuple[Tensor, Tensor]) -> Vector:
        chosen = {k: fixed[k] for k in own}
        total: Vector = {}
        for x_i, y_i in pairs:

            def call(q: Vector, x_i: Tensor = x_i) -> Tensor:
                output: Tensor = torch.func.functional_call(layer, {**fixed, **q}, (x_i[None],))
                return output

            gradient: Vector = torch.func.vjp(call, chosen)[1](y_i[None])[0]
            total = {k: total[k] + v for k, v in gradient.items()} if total else gradient
        return total

    size = max(sum(fixed[k].numel() for k in own), 1)
    per_sample = torch.func.vmap(one, chunk_size=max(1, 2**24 // size))(*uses)
    return {k: wide(v).square().sum(0) for k, v in per_sample.items()}


def _squared_of_a_norm(layer: nn.GroupNorm, own: Collection[str], uses: Sequence[tuple[Tensor, Tensor]]) -> Vector:
    """The same in closed form, without a graph a sample: the norms of a UNet took as long as its convolutions."""
    total: Vector = {}
    for x, y in uses:
        normed = F.group_norm(x, layer.num_groups, eps=layer.eps)
        places = (*x.shape[:2], -1)
        found = {"weight": (y * normed).reshape(places).sum(2), "bias": y.reshape(places).sum(2)}
        total = {k: total[k] + found[k] if total else found[k] for k in own}
    return {k: wide(v).square().sum(0) for k, v in total.items()}
