"""The nearest of many points, exactly; retained means that no forgotten one is near to."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.surgery.devices import share_of, wide
from gsu_cli.surgery.ranks import joined

COLUMNS = 1024  # of a pool that are float64 at a time: all of them would double the memory of large images


LEAST_CLEAN = 0.02  # share of the retained means kept as targets when fewer than that are clean


def clean_means(mean_f: Tensor, mean_r: Tensor, neighbours: int = 10) -> tuple[Tensor, float]:
    """Retained posterior means none of whose neighbours is to be forgotten, or the cleanest where hardly any is.

    Args:
        mean_f, mean_r: posterior means of images to forget and of retained ones, ``(n_f, z)`` and ``(n_r, z)``.
        neighbours: how many nearest posterior means must all be retained.

    Returns:
        ``(n, z)`` of ``mean_r``, and the share of ``mean_r`` that is clean.
    """
    near = nearest(mean_r, torch.cat([mean_f, mean_r]), min(neighbours + 1, len(mean_f) + len(mean_r)))
    forgotten = (near < len(mean_f)).sum(1)
    # a random half of all images has no region of its own
    limit = forgotten.sort().values[int(LEAST_CLEAN * (len(forgotten) - 1))]
    return mean_r[forgotten <= limit], share_of(forgotten == 0)


def distinct(points: Tensor) -> Tensor:
    """``points`` ``(n, d)`` without those that equal an earlier one, in their order."""
    _, group = torch.unique(points, dim=0, return_inverse=True)
    place = torch.arange(len(points), device=points.device)
    earliest = place.new_full((len(points),), len(points)).scatter_reduce(0, group, place, "amin")
    return points[earliest[group] == place]


def nearest(points: Tensor, pool: Tensor, k: int) -> Tensor:
    """Indices into ``pool`` of the ``k`` nearest to each point, ``(n, k)``, nearest first (Euclidean).

    In float64: far from the origin, ``|p|^2 - 2 x.p`` in float32 rounds away what tells two neighbours apart.
    """
    columns = pool.split(COLUMNS, 1)
    squares = torch.stack([wide(p).square().sum(1) for p in columns]).sum(0)
    # reused: fresh memory for every part costs more than the distances
    buffer = squares.new_empty(256, len(pool))

    def indices(part: Tensor) -> Tensor:
        distances = buffer[: len(part)].copy_(squares.expand(len(part), -1))
        for x, p in zip(part.split(COLUMNS, 1), columns, strict=True):
            distances.addmm_(wide(x), wide(p).T, alpha=-2.0)
        return distances.argmin(1, keepdim=True) if k == 1 else distances.topk(k, largest=False).indices

    return joined(points.split(256), indices).to(pool.device)
