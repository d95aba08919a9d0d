"""A retain cost estimated from a part of its sites, those that a step moves most, as a change from what is known.

    E(theta) = R(theta') + 1/n sum_{i in S} (l_i(theta) - l_i(theta')) / p_i,

``theta'`` where all n sites were last measured, ``R`` the mean increase there, ``p_i`` the chance of a site to be in
the part, in proportion to how far it had moved (Horvitz and Thompson 1952). What a step costs sits on few sites, where
kinds of images meet at steep borders, so a part chosen blindly is off by half. Near ``theta'`` the changes are small
and the estimate is good to a few percent; at ``theta'`` it is exact.
"""

from __future__ import annotations

import copy

from torch import Tensor

from gsu_cli.objectives.site_loss import SiteLoss
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.proportional_sampling import chosen_by_size
from gsu_cli.surgery.vectors import Vector


class Pilot:
    """A cost as it was at the start of a step, measured whole or estimated.

    Args:
        cost: over ``n`` sites.
        start: ``(n,)``, its losses where the step starts.
        sites: on which estimates rest, fewer than ``n``.

    Attributes:
        images: sites that estimates have passed.
        losses: ``(n,)``, of the last whole measurement; before it those of the start.
    """

    def __init__(self, cost: SiteLoss, start: Tensor, sites: int) -> None:
        self.cost, self.start, self.sites, self.losses = cost, start, sites, start
        self.images = 0
        self.learn()

    def fresh(self) -> Pilot:
        """The same at its start, for another direction."""
        return Pilot(self.cost, self.start, self.sites)

    def known(self) -> Pilot:
        """The same with what it has learnt, for a direction nearby."""
        other = copy.copy(self)
        other.images = 0
        return other

    def increase(self, theta: Vector) -> float:
        """The mean increase over all sites, in the unit of the loss; `learn` may then look at it.

        Raises:
            NonFiniteError: it is nan or infinite.
        """
        self.losses = self.cost.losses(theta)
        return float((wide(self.losses) - wide(self.start)).mean())

    def estimate(self, theta: Vector) -> float:
        """The same from a part of the sites, which count as passed images.

        Raises:
            NonFiniteError: it is nan or infinite.
        """
        self.images += len(self._part)
        changed = wide(self._part.losses(theta)) - wide(self._known)
        return self._increase + float((self._weights * changed).sum() / len(self.start))

    def learn(self) -> None:
        """Chooses the sites anew, by what the last whole measurement has seen of them."""
        moved = wide(self.losses) - wide(self.start)
        index, weights = chosen_by_size(moved.abs(), self.sites)
        self._increase = float(moved.mean())
        self._part, self._known, self._weights = self.cost[index], self.losses[index], weights
