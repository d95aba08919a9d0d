"""The second moments of a convolution's patches, without the patches: neighbours share most of their pixels.

Of 3 x 3 patches ``a_t`` around the places ``t`` of a map ``x``, which is 0 beyond its border, and
places ``u``, ``v`` in a patch,

    A[u, v] = sum_t x[t + u] x[t + v]^T = sum_r x[r] x[r + v - u]^T  -  terms at the border,

so the 81 blocks of ``A = sum_t a_t a_t^T`` are made of 13 products of the map with itself shifted. Terms at the border
are there only where ``u`` and ``v`` lie in the same row, or column, of the patch: the upper row never sees the map's
last one, the lower row never its first. Patches as inputs of a layer: Grosse & Martens 2016, section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AT_ONCE = 2**18  # values of maps that are multiplied together: 1 MB stays in a core's caches
LEAST, PLACES = 4, 512  # rows and columns of a map, places of all: of fewer, blocks take longer than products
SHIFTS = tuple((d, e) for d in range(3) for e in range(-2, 3) if (d, e) >= (0, 0))  # rows, columns


def by_shifts(layer: nn.Module, x: Tensor) -> bool:
    """Whether `patch_moments` are those of a layer with the input ``x``, on a CPU."""
    return (
        type(layer) is nn.Conv2d
        and (layer.kernel_size, layer.padding) == ((3, 3), (1, 1))
        and (layer.stride, layer.dilation, layer.groups) == ((1, 1), (1, 1), 1)
        and layer.padding_mode == "zeros"
        and min(x.shape[2:]) >= LEAST
        and x[:, 0].numel() >= PLACES
        and x.device.type == "cpu"
    )


def patch_moments(x: Tensor, ones: bool) -> Tensor:
    """``sum a a^T`` over the 3 x 3 patches of maps, but for rounding as of the rows of `layers.rows`.

    Args:
        x: ``(n, c, h, w)``.
        ones: whether patches end with a 1, for a bias.

    Returns:
        ``(9 c, 9 c)``, channels before places; with ``ones`` one row and column more.
    """
    c = x.shape[1]
    whole = _shifted(x, SHIFTS)
    # what the patch's upper row does not see is the last row of the map, and so on
    down = {i: _shifted(x[:, :, at], SHIFTS[:3]) for i, at in ((0, slice(-1, None)), (2, slice(0, 1)))}
    aside = {j: _shifted(x[:, :, :, at].mT, SHIFTS[:3]) for j, at in ((0, slice(-1, None)), (2, slice(0, 1)))}
    blocks = x.new_empty(9, 9, c, c)
    for u in range(9):
        for v in range(u, 9):
            (i, j), d, e = divmod(u, 3), v // 3 - u // 3, v % 3 - u % 3
            block = whole[d, e]
            if d == 0 and i in down:
                block = block - down[i][0, e]
            if e == 0 and j in aside:
                block = block - aside[j][0, d]
                if d == 0 and i in down:  # taken away twice
                    corner = x[:, :, -1 if i == 0 else 0, -1 if j == 0 else 0]
                    block = block + corner.T @ corner
            blocks[u, v] = block
            if u != v:
                blocks[v, u] = block.T
    A = blocks.permute(2, 0, 3, 1).reshape(9 * c, 9 * c)
    if not ones:
        return A
    sums = F.conv2d(x.sum(0)[:, None], x.new_ones(1, 1, *x.shape[2:]), padding=1)[:, 0].flatten(1)
    return torch.cat([torch.cat([A, sums.reshape(1, -1)]), _last(sums, x)], 1)


def _last(sums: Tensor, x: Tensor) -> Tensor:
    """The column of a bias: sums of the patches, and how many there are."""
    return torch.cat([sums.reshape(-1, 1), x.new_full((1, 1), float(len(x) * x[0, 0].numel()))])


def _shifted(x: Tensor, shifts: tuple[tuple[int, int], ...]) -> dict[tuple[int, int], Tensor]:
    """``sum_r x[r] x[r + shift]^T`` over the places of maps ``(n, c, h, w)``, ``(c, c)`` for each shift.

    Places lie one after the other with as many zeros behind each row and map as a shift is long: so each is one product
    of two parts of the same matrix.
    """
    (_, c, h, w), most = x.shape, max(d for d, _ in shifts)
    width = w + 2
    reach = most * width + 2
    found = x.new_zeros(len(shifts), c, c)
    for some in x.split(max(1, AT_ONCE * torch.get_num_threads() // (c * (h + most) * width))):
        laid = x.new_zeros(len(some) * (h + most) * width + reach, c)
        places = laid[: len(some) * (h + most) * width].view(len(some), h + most, width, c)
        places[:, :h, :w] = some.permute(0, 2, 3, 1)
        here = laid[: len(laid) - reach]
        for total, (d, e) in zip(found, shifts, strict=True):
            there = laid[d * width + e :][: len(here)]
            total.addmm_(here.T, there)
    return dict(zip(shifts, found, strict=True))
