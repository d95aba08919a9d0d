"""A retain cost estimated from a part of its sites: those that a step moves most, and some of the rest.

    E(theta) = [sum_{i in heavy} r_i + (n - |heavy|) / |light| * sum_{i in light} r_i] / n,
    r_i = l_i(theta) - l_i(theta_0),

under the same noise before and after. What a step costs sits on few sites (where kinds of images meet at steep
borders), so the heavy ones are those that moved most at the last whole measurement, and the light ones every k-th of
the others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.vectors import Vector


class Pilot:
    """A cost as it was at the start of a step, measured whole or estimated.

    Args:
        cost: over ``n`` sites.
        start: ``(n,)``, its losses where the step starts.
        sites: on which estimates rest, fewer than ``n``.
    """

    def __init__(self, cost: SiteLoss, start: Tensor, sites: int) -> None:
        self.cost, self.start, self.sites = cost, start, sites
        self.images = 0
        self._moved: Tensor | None = None
        self._choose(torch.arange(0))

    def increase(self, theta: Vector) -> float:
        """The mean increase over all sites, in the unit of the loss; `learn` may then look at it.

        Raises:
            NonFiniteError: it is nan or infinite.
        """
        self._moved = wide(self.cost.losses(theta)) - wide(self.start)
        return float(self._moved.mean())

    def estimate(self, theta: Vector) -> float:
        """The same from a part of the sites, which count as passed images.

        Raises:
            NonFiniteError: it is nan or infinite.
        """
        self.images += len(self._part)
        return float((self._weights * (wide(self._part.losses(theta)) - wide(self._start))).sum() / len(self.start))

    def learn(self) -> None:
        """Chooses the sites anew, by what the last whole measurement has seen of them."""
        if self._moved is not None:
            self._choose(self._moved.abs().topk(self.sites // 2).indices)

    def _choose(self, heavy: Tensor) -> None:
        rest = torch.ones(len(self.start), dtype=torch.bool)
        rest[heavy.cpu()] = False
        light = rest.nonzero()[:, 0]
        share = len(light) / (self.sites - len(heavy))
        light = light[(torch.arange(self.sites - len(heavy)) * share).long()]
        index = torch.cat([heavy.cpu(), light]).to(self.start.device)
        weights = torch.cat([torch.ones(len(heavy)), torch.full((len(light),), share)])
        self._part, self._start = self.cost[index], self.start[index]
        self._weights = wide(weights.to(self.start.device))
