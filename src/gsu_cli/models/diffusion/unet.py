"""A small UNet that two CPU cores can train: patches of pixels as channels, sums instead of concatenated skips.

Space-to-depth (Shi et al. 2016) makes ``patch x patch`` pixels the channels of one place, which saves the dearest
layers. Skips are added: a layer that reads ``2c`` channels would have a Kronecker factor twice as wide, eight times as
dear to invert. Every layer with factors is a plain Linear or Conv2d that is called once.

Sources: Ronneberger et al. 2015 (UNet); Ho, Jain and Abbeel 2020 (residual blocks with a time embedding, attention).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gsu_cli.checks import SCALED
from gsu_cli.errors import UsageError

FREQUENCIES = 32  # of the time embedding: sine and cosine of each
LONGEST = 10_000.0  # period, in steps over 2 pi
GROUPS = 8  # of a norm, at most
MULTIPLE = 8  # of channels


def norm(channels: int) -> nn.GroupNorm:
    """Eight groups, or fewer of four channels: of one channel alone a norm would take away what the time adds to it."""
    return nn.GroupNorm(min(GROUPS, channels // 4), channels)


class ResidualBlock(nn.Module):
    """``x + conv(silu(norm(conv(silu(norm(x))) + e(t))))``, maps ``(n, c, h, w)``."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.shift = nn.Linear(embedding, channels)
        self.norm2, self.conv2 = norm(channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.shift(e)[:, :, None, None]
        out: Tensor = x + self.conv2(F.silu(self.norm2(h)))
        return out


class Attention(nn.Module):
    """Self-attention between the places of a map, one head: what lies far apart must belong to one digit."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.qkv = norm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=2)
        # written out: the fused kernel has no second derivative, which methods of second order need
        weights = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(q.shape[2]), dim=2)
        out: Tensor = x + self.out((weights @ v).transpose(1, 2).reshape(x.shape))
        return out


class UNet(nn.Module):
    """``(x_t, t) -> prediction``, both images ``(n, c, h, w)``; with conditions ``(x_t, t, s(c)) -> prediction``.

    Args:
        shape: ``(c, h, w)``; height and width must be divisible by ``patch * 2**(len(channels) - 1)``.
        channels: of each level, from fine to coarse; multiples of 8, the first at least ``c * patch**2``.
        patch: side of the square of pixels that is one place of the first level.
        embedding: width of the time embedding.
        conditions: number of conditions, whose embedding is added to that of the time; 0 for none.

    Raises:
        UsageError: a size does not divide the images, channels are no multiples of 8, or the first are too few to pass
            on what is noise in a patch.
    """

    def __init__(
        self, shape: Sequence[int], channels: Sequence[int], patch: int, embedding: int, conditions: int = 0
    ) -> None:
        super().__init__()
        c, h, w = shape
        factor = patch * 2 ** (len(channels) - 1)
        if h % factor or w % factor:
            raise UsageError(
                f"`model.patch` and `model.channels` must divide the images evenly: patches of {patch} and "
                f"{len(channels)} levels need height and width divisible by {factor}",
                found=f"{h} x {w}",
                way_out=f"Choose another patch, fewer levels, or {SCALED}",
            )
        if odd := [i for i in channels if i % MULTIPLE]:
            raise UsageError(f"`model.channels` must be multiples of {MULTIPLE}", found=odd[0])
        places = c * patch**2
        if channels[0] < places:
            raise UsageError(
                f"the first of `model.channels` must be at least {places}, the numbers in a patch of {patch} x {patch} "
                f"pixels of {c} channel{'s' * (c > 1)}: what it cannot pass stays noise in every sample",
                found=channels[0],
                way_out=f"Type model.channels=[{-(-places // MULTIPLE) * MULTIPLE},64], or a smaller patch",
            )
        self.time = nn.Sequential(
            nn.Linear(2 * FREQUENCIES, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )
        self.condition = nn.Linear(conditions, embedding, bias=False) if conditions else None
        self.patches, self.pixels = nn.PixelUnshuffle(patch), nn.PixelShuffle(patch)
        self.stem = nn.Conv2d(places, channels[0], 3, padding=1)
        self.down = nn.ModuleList(ResidualBlock(i, embedding) for i in channels)
        self.shrink = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(channels))
        self.attention, self.middle = Attention(channels[-1]), ResidualBlock(channels[-1], embedding)
        self.up = nn.ModuleList(ResidualBlock(i, embedding) for i in reversed(channels))
        self.grow = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in pairwise(reversed(channels)))
        self.norm, self.head = norm(channels[0]), nn.Conv2d(channels[0], places, 3, padding=1)
        self.reset_parameters()
        # channels last is what oneDNN computes in: the same numbers, faster
        self.to(memory_format=torch.channels_last)

    def reset_parameters(self) -> None:
        """Blocks begin as the identity, the prediction as 0, conditions as the null one: these layers are zeroed."""
        if self.condition is not None:
            nn.init.zeros_(self.condition.weight)
        for module in self.modules():
            last = {ResidualBlock: "conv2", Attention: "out", UNet: "head"}.get(type(module))
            if last is not None:
                layer = module.get_submodule(last)
                nn.init.zeros_(layer.get_parameter("weight"))
                nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor | None = None) -> Tensor:
        e = self.time[:-1](time_embedding(t.to(x.dtype)))
        if self.condition is not None and condition is not None:
            e = e + self.condition(condition)
        e = self.time[-1](e)
        h = self.stem(self.patches(x).contiguous(memory_format=torch.channels_last))
        skips = []
        for level, block in enumerate(self.down):
            h = block(h if level == 0 else self.shrink[level - 1](h), e)
            skips.append(h)
        h = self.middle(self.attention(h), e)
        for level, block in enumerate(self.up):
            h = h if level == 0 else F.interpolate(self.grow[level - 1](h), scale_factor=2.0)  # few places first
            h = block(h + skips.pop(), e)
        out: Tensor = self.pixels(self.head(F.silu(self.norm(h))))
        return out


def time_embedding(t: Tensor) -> Tensor:
    """Sines and cosines of times ``(n,)`` at geometrically spaced frequencies, ``(n, 64)``."""
    powers = torch.arange(FREQUENCIES, dtype=t.dtype, device=t.device) / FREQUENCIES
    angles = t[:, None] * torch.exp(-math.log(LONGEST) * powers)
    return torch.cat([angles.sin(), angles.cos()], 1)
