"""The nearest of many points, exactly; retained means that no forgotten one is near to."""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.surgery.devices import share_of, wide
from gsu_cli.surgery.ranks import joined

COLUMNS = 1024  # of a pool that are float64 at a time: all of them would double the memory of large images
ROWS, PARTS = 256, (256, 2_048)  # points at a time; of a pool, what most of its points need to see, and nearly all

UNIT = 2.0**-24  # rounding of float32

LEAST_CLEAN = 0.02  # share of the retained means kept as targets when fewer than that are clean


def clean_means(mean_f: Tensor, mean_r: Tensor, neighbours: int = 10) -> tuple[Tensor, float]:
    """Retained posterior means none of whose neighbours is to be forgotten, or the cleanest where hardly any is.

    Args:
        mean_f, mean_r: posterior means of images to forget and of retained ones, ``(n_f, z)`` and ``(n_r, z)``.
        neighbours: how many nearest posterior means must all be retained.

    Returns:
        ``(n, z)`` of ``mean_r``, and the share of ``mean_r`` that is clean.
    """
    own = among_themselves(mean_r, mean_f, neighbours + 1)
    if share_of(own) > LEAST_CLEAN:
        return mean_r[own], share_of(own)
    # a random half of all images has no region of its own
    near = nearest(mean_r, torch.cat([mean_f, mean_r]), min(neighbours + 1, len(mean_f) + len(mean_r)))
    forgotten = (near < len(mean_f)).sum(1)
    limit = forgotten.sort().values[int(LEAST_CLEAN * (len(forgotten) - 1))]
    return mean_r[forgotten <= limit], share_of(forgotten == 0)


def among_themselves(points: Tensor, others: Tensor, k: int) -> Tensor:
    """Which of ``points`` ``(n, d)`` have ``k`` of them, themselves counted, nearer than any of ``others``, ``(n,)``.

    So the ``k`` nearest need not be found: a part of the points settles it for nearly all.
    """
    to_others, to_points = (Distances(pool) for pool in (others, points))
    limit = joined(points.split(ROWS), lambda part: to_others(part).amin(1, keepdim=True))
    nearer = torch.zeros(len(points), device=limit.device)
    for part in map(slice, (0, *PARTS), (*PARTS, None)):
        rest = (nearer < k).nonzero()[:, 0]

        def count(rows: Tensor, part: slice = part) -> Tensor:
            return (to_points(points[rows], part) < limit[rows]).float().sum(1)  # sums of bool take twice as long

        if len(rest) and len(points[part]):
            nearer[rest] += joined(rest.split(ROWS), count)
    return (nearer >= k).to(points.device)


class Distances:
    """Squared Euclidean distances to a pool, less what is the same for all of it.

    In float64: far from the origin, ``|p|^2 - 2 x.p`` in float32 rounds away what tells two neighbours apart.

    Args:
        pool: ``(n, d)``.
    """

    def __init__(self, pool: Tensor) -> None:
        self.columns = pool.split(COLUMNS, 1)
        self.squares = torch.stack([wide(p).square().sum(1) for p in self.columns]).sum(0)
        # reused: fresh memory for every part costs more than the distances
        self.buffer = self.squares.new_empty(ROWS, len(pool))

    def __call__(self, points: Tensor, part: slice = slice(None)) -> Tensor:
        """Of at most `ROWS` points ``(m, d)`` to a part of the pool, ``(m, n)``; good until the next call."""
        squares = self.squares[part]
        found = self.buffer.view(-1)[: len(points) * len(squares)].view(len(points), len(squares))
        found.copy_(squares.expand(len(points), -1))
        for x, p in zip(points.split(COLUMNS, 1), self.columns, strict=True):
            found.addmm_(wide(x), wide(p[part]).T, alpha=-2.0)
        return found


class Nearest:
    """Which of a pool is nearest to each of many points, exactly.

    By products in float32, on a CPU; where their rounding might tell it wrong, by `Distances`.

    Args:
        pool: ``(n, d)``.
    """

    def __init__(self, pool: Tensor) -> None:
        self.pool, self.exact = pool, Distances(pool)
        self.longest = float(self.exact.squares.max()) ** 0.5

    def __call__(self, points: Tensor) -> Tensor:
        """Indices into the pool for at most `ROWS` points ``(m, d)``, ``(m,)``."""
        if points.device.type != "cpu" or len(self.pool) == 1:
            return self.exact(points).argmin(1).to(points.device)
        found = self.exact.squares.repeat(len(points), 1)
        for x, p in zip(points.split(COLUMNS, 1), self.exact.columns, strict=True):
            found.sub_(x @ p.T, alpha=2.0)
        first, second = found.topk(2, largest=False).values.unbind(1)
        index = found.argmin(1)
        # twice the worst rounding of twice a sum of so many products (Higham 2002, equation 3.5)
        slack = 4 * COLUMNS * UNIT * self.longest * points.norm(dim=1)
        doubt = (second - first <= slack).nonzero()[:, 0]
        index[doubt] = self.exact(points[doubt]).argmin(1)
        return index


def distinct(points: Tensor) -> Tensor:
    """``points`` ``(n, d)`` without those that equal an earlier one, in their order."""
    _, group = torch.unique(points, dim=0, return_inverse=True)
    place = torch.arange(len(points), device=points.device)
    earliest = place.new_full((len(points),), len(points)).scatter_reduce(0, group, place, "amin")
    return points[earliest[group] == place]


def nearest(points: Tensor, pool: Tensor, k: int) -> Tensor:
    """Indices into ``pool`` of the ``k`` nearest to each point, ``(n, k)``, nearest first (Euclidean)."""
    distances = Distances(pool)

    def indices(part: Tensor) -> Tensor:
        found = distances(part)
        return found.argmin(1, keepdim=True) if k == 1 else found.topk(k, largest=False).indices

    return joined(points.split(ROWS), indices).to(pool.device)
