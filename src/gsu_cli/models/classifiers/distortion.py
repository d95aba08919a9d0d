"""Random distortions under which judges learn: so that the softness of samples is not itself a reason to misjudge."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gsu_cli.surgery.devices import uniform

SOFTEST = 9  # pixels, the widest blur of `distort_faces`


def distort(x: Tensor, generator: torch.Generator) -> Tensor:
    """Random shift (2 px at 28), rotation (10 degrees), scale (10 %), blur (half of the images), noise (sd up to 0.1).

    Args:
        x: images in [0, 1], ``(n, c, h, w)``.
        generator: of all the randomness.
    """
    moved = _moved(x, generator, turn=0.175, scale=0.1, shift=0.14)
    soft = F.avg_pool2d(moved, 3, stride=1, padding=1)
    mix = (_uniform(len(x), -1.0, 1.0, generator).clamp(min=0.0))[:, None, None, None].to(x.device)
    return _noisy(moved + mix * (soft - moved), generator)


def distort_faces(x: Tensor, generator: torch.Generator) -> Tensor:
    """Random mirror image, small shift, rotation and scale, a blur of 1, 3, 5, 7 or 9 pixels, contrast, noise.

    Args:
        x: images in [0, 1], ``(n, c, h, w)``.
        generator: of all the randomness.
    """
    n = len(x)
    mirror = uniform((n,), generator, x) < 0.5
    x = torch.where(mirror[:, None, None, None], x.flip(3), x)
    moved = _moved(x, generator, turn=0.09, scale=0.05, shift=0.06)
    width = torch.randint(0, SOFTEST // 2 + 1, (n,), generator=generator).to(x.device)
    soft = moved
    for k in range(1, SOFTEST // 2 + 1):  # each image is softened as often as its width says
        again = F.avg_pool2d(F.pad(soft, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        soft = torch.where((width >= k)[:, None, None, None], again, soft)
    middle = soft.mean((1, 2, 3), keepdim=True)
    contrast = _uniform(n, 0.7, 1.2, generator)[:, None, None, None].to(x.device)
    return _noisy(middle + contrast * (soft - middle), generator)


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator)


def _moved(x: Tensor, generator: torch.Generator, *, turn: float, scale: float, shift: float) -> Tensor:
    """Rotated by up to ``turn`` radians, scaled by ``1 +- scale``, shifted by up to ``shift`` of half the image."""
    n = len(x)
    angle, size = _uniform(n, -turn, turn, generator), _uniform(n, 1 - scale, 1 + scale, generator)
    cos, sin = angle.cos() / size, angle.sin() / size
    across, down = _uniform(n, -shift, shift, generator), _uniform(n, -shift, shift, generator)
    rows = torch.stack([cos, -sin, across, sin, cos, down], 1)
    grid = F.affine_grid(rows.view(n, 2, 3).to(x.device), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def _noisy(x: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(x.shape, generator=generator) * _uniform(len(x), 0.0, 0.1, generator)[:, None, None, None]
    return (x + noise.to(x.device)).clamp(0.0, 1.0)
