"""Exponential moving average of weights: what a diffusion model is measured by.

    w_k = d_k w_{k-1} + (1 - d_k) theta_k,   d_k = min(decay, (1 + k) / (10 + k)),   k = 1, 2, ...

The first averages follow the weights closely, so that little of the random start is left in them. Source: Polyak and
Juditsky 1992; the warm-up is TensorFlow's ``ExponentialMovingAverage``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Average:
    """The running average of a model's parameters.

    Args:
        model: whose present weights are the start.
        decay: in (0, 1): about ``1 / (1 - decay)`` steps are averaged.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.step = decay, 0
        self.weights = {k: p.detach().clone() for k, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes in the weights after one more step."""
        self.step += 1
        d = min(self.decay, (1 + self.step) / (10 + self.step))
        for k, p in model.named_parameters():
            self.weights[k].lerp_(p, 1 - d)

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """A state dict of ``model``, copied: averaged parameters, in all places of tied ones, and its own buffers."""
        names = {id(p): k for k, p in model.named_parameters()}
        own = model.state_dict(keep_vars=True)
        return {k: self.weights.get(names.get(id(v), k), v).detach().clone() for k, v in own.items()}

    def restore(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Goes on from ``weights`` after ``step`` steps."""
        for k, w in self.weights.items():
            w.copy_(weights[k])
        self.step = step
