"""The loss of fixed sites as a function of a network's weights: what gradients, line searches and budgets ask for.

    L(theta) = mean_i [ loss(network_theta(inputs_i), target_i) + constant_i ]

What made the sites, an encoder say, stands still, so a loss costs a pass through the network alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gsu_cli.data.base import to_float
from gsu_cli.errors import NonFiniteError
from gsu_cli.gradients import BLOCK
from gsu_cli.models.decoders import prefix_of, site_maker
from gsu_cli.models.sites import Sites
from gsu_cli.surgery.devices import wide
from gsu_cli.surgery.folding import folded
from gsu_cli.surgery.functional_call import called
from gsu_cli.surgery.ranks import joined
from gsu_cli.surgery.streaming import BlockLoss, losses_of

VALUES = 1_228_800  # of targets, at most, in a pass: 100 faces of 64 x 64 in colour, whose maps stay in a CPU's caches
LOOKED_AT = VALUES // 2  # the same where no gradient is taken, whose sums would have other last bits: half the memory


class SiteLoss:
    """The mean output loss over ``sites``, in the unit of the model's loss.

    Args:
        model: with sites, or with ``posterior``, ``decoder`` and ``likelihood``.
        sites: kept as they are: choose some thousands.
        what: its name, for messages.
    """

    def __init__(self, model: Any, sites: Sites, what: str = "the retain loss") -> None:
        self.maker = site_maker(model)
        self.prefix, self.sites, self.what = prefix_of(model, self.maker.network), sites, what
        self.folds = False

    def __len__(self) -> int:
        return len(self.sites)

    def __getitem__(self, index: Tensor) -> SiteLoss:
        """The same of some of the sites."""
        part = copy.copy(self)
        part.sites = self.sites[index]
        return part

    def every(self, step: int) -> SiteLoss:
        """The same of every ``step``-th site, whose targets are not copied."""
        part = copy.copy(self)
        part.sites = self.sites.every(step)
        return part

    def folding(self) -> SiteLoss:
        """The same; its losses pass a network of doublings and convolutions as `folded`, but for rounding the same."""
        other = copy.copy(self)
        other.folds = True
        return other

    def blocks(self, size: int | None = None, *, products: bool = False) -> Iterator[BlockLoss]:
        """The loss block by block, for gradients and Hessian-vector products: parameters as the model names them.

        Args:
            size: sites in a block, at most.
            products: halves blocks of large sites: a product with the Hessian holds twice the maps of a gradient.
        """
        at_once = self._at_once()
        most = max(1, at_once // 2) if products and at_once < BLOCK else at_once
        for part in self.sites.split(min(size or self.maker.sites_at_once, most)):

            def of(theta: dict[str, Tensor], part: Sites = part) -> Tensor:
                output = called(self.maker.network, self._own(theta), part.inputs)
                return self._loss(output, part)

            yield of

    def _own(self, theta: dict[str, Tensor]) -> dict[str, Tensor]:
        """Parameters as the network names them."""
        return {k.removeprefix(self.prefix): v for k, v in theta.items()}

    def _loss(self, output: Tensor, part: Sites) -> Tensor:
        # pixels are kept as bytes, a quarter of the memory
        targets = to_float(part.targets) if part.targets.dtype == torch.uint8 else part.targets
        loss = self.maker.output_loss.nll(output, targets)
        return loss if part.constant is None else loss + part.constant

    def _at_once(self, values: int = VALUES) -> int:
        """Sites in a pass; how many changes no loss of a site."""
        return max(1, min(BLOCK, values // max(self.sites.targets[:1].numel(), 1)))

    @torch.no_grad()
    def losses(self, theta: dict[str, Tensor]) -> Tensor:
        """The loss of each site at ``theta``, ``(n,)``.

        Raises:
            NonFiniteError: their mean is nan or infinite.
        """
        through = folded(self.maker.network, self._own(theta)) if self.folds and len(self.sites.inputs) == 1 else None
        size = min(self._at_once(LOOKED_AT), self.maker.sites_at_once)
        if through is None:
            found = losses_of(self.blocks(size), theta, len(self))
        else:
            found = joined(self.sites.split(size), lambda part: self._loss(through(*part.inputs), part), len(self))
        value = wide(found).mean()
        if not torch.isfinite(value):
            raise NonFiniteError(f"{self.what} must stay finite", found=float(value))
        return found

    def mean(self, theta: dict[str, Tensor]) -> float:
        """The loss at ``theta``.

        Raises:
            NonFiniteError: it is nan or infinite.
        """
        return float(wide(self.losses(theta)).mean())
