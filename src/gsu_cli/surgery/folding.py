"""Convolutions behind a doubling of the picture, as what they are: one transposed convolution.

    conv_3x3(up_2(x)) = convT_4x4(x),   K(a, b) = sum_{i, j in {0, 1}} w(2 + i - a, 2 + j - b)

where ``w`` is not 0: each pixel of ``x`` stands four times in ``up_2(x)``, so a ninth of the products is enough where a
quarter of the pixels is. The same sums in another order, in a third of the time on a CPU, also because maps lie with
their channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsu_cli.surgery.functional_call import called

Pass = Callable[[Tensor], Tensor]
PAIR = torch.int64  # two float32, whatever they are


def folded(network: nn.Module, theta: Mapping[str, Tensor]) -> Pass | None:
    """A pass through ``network`` with the parameters ``theta``, its doublings and the convolutions behind them as one.

    Args:
        network: in the mode in which it is to run; others than plain chains of layers are not folded.
        theta: its parameters, named as it names them; those that are missing are its own.

    Returns:
        Input -> output; None where there is nothing to fold.
    """
    if type(network) is not nn.Sequential or any(_hooked(m) for m in network.modules()):
        return None
    each = [id(p) for layer in network for p in layer.parameters()]
    if len(set(each)) < len(each):  # `theta` names a tensor once, and it has a place in two layers
        return None
    layers, at, parts, doubled = list(network), 0, list[Pass](), 0
    while at < len(layers):
        own = {k.partition(".")[2]: v for k, v in theta.items() if k.partition(".")[0] == str(at)}
        after = layers[at + 1] if at + 1 < len(layers) else None
        if _doubles(layers[at]) and isinstance(after, nn.Conv2d) and _plain(after):
            name, at, doubled = str(at + 1), at + 1, doubled + 1
            weight, bias = theta.get(f"{name}.weight", after.weight), theta.get(f"{name}.bias", after.bias)
            parts.append(_transposed(weight, bias))
        elif type(layer := layers[at]) is nn.PixelShuffle:
            parts.append(_shuffled(layer.upscale_factor))
        elif type(layer) is nn.SiLU and at and type(layers[at - 1]) in (nn.Linear, nn.Conv2d):
            parts.append(partial(F.silu, inplace=True))  # of what that layer has made, which nobody else holds
        else:
            parts.append(_layer(layer, own))
        at += 1
    return _chain(parts) if doubled else None


def kernel(weight: Tensor) -> Tensor:
    """``(out, in, 3, 3)`` of a convolution behind a doubling -> ``(in, out, 4, 4)`` of the transposed one."""
    turned = weight.flip(2, 3).transpose(0, 1)
    whole = turned.new_zeros(*turned.shape[:2], 4, 4)
    for i in (0, 1):
        for j in (0, 1):
            whole[:, :, i : i + 3, j : j + 3] += turned
    return whole


def _hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _doubles(layer: nn.Module) -> bool:
    by = layer.scale_factor if type(layer) is nn.Upsample else None
    return type(layer) is nn.Upsample and layer.mode == "nearest" and layer.size is None and by in (2.0, (2.0, 2.0))


def _plain(layer: nn.Conv2d) -> bool:
    ones = (layer.stride, layer.padding, layer.dilation) == ((1, 1), (1, 1), (1, 1))
    return type(layer) is nn.Conv2d and ones and layer.kernel_size == (3, 3) and layer.groups == 1 and _zeros(layer)


def _zeros(layer: nn.Conv2d) -> bool:
    return layer.padding_mode == "zeros"


def _transposed(weight: Tensor, bias: Tensor | None) -> Pass:
    K = kernel(weight)

    def of(x: Tensor) -> Tensor:
        return F.conv_transpose2d(x.contiguous(memory_format=torch.channels_last), K, bias, stride=2, padding=1)

    return of


def _layer(layer: nn.Module, own: Mapping[str, Tensor]) -> Pass:
    if not own:
        return layer
    if type(layer) is nn.Linear:
        return partial(F.linear, weight=own.get("weight", layer.weight), bias=own.get("bias", layer.bias))

    def of(x: Tensor) -> Tensor:
        found: Tensor = called(layer, own, (x,))
        return found

    return of


def _shuffled(r: int) -> Pass:
    """`nn.PixelShuffle`, which takes twice as long of maps with their channels last, of pairs six times."""

    def of(x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        last = x.permute(0, 2, 3, 1)
        if r * x.element_size() == PAIR.itemsize and last.is_contiguous():  # both values of a row move as one
            pairs = last.view(PAIR).unflatten(3, (-1, r)).permute(0, 3, 1, 4, 2)
            whole: Tensor = pairs.contiguous().view(x.dtype).reshape(n, -1, h * r, w * r)
            return whole
        apart: Tensor = x.unflatten(1, (-1, r, r))
        return apart.permute(0, 1, 4, 2, 5, 3).reshape(n, -1, h * r, w * r)

    return of


def _chain(parts: Sequence[Pass]) -> Pass:
    def of(x: Tensor) -> Tensor:
        for part in parts:
            x = part(x)
        return x

    return of
