"""Adam and SGD of torch, bit for bit, without the classes of `torch.optim`, which take over a second to begin.

Making one of them and its first step import torch's compiler. The functions below these classes do all the arithmetic,
choose the same kernels for a device, and import nothing: `torch.optim.adam.adam` and `torch.optim.sgd.sgd`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

EPSILON = 1e-8  # of Adam, torch's own


def warm_up_then_cosine(u: float, warm_up: float) -> float:
    """A learning rate at the share ``u`` in (0, 1] of the steps, in units of the largest.

    It rises over the share ``warm_up`` of them, then falls to nothing along a cosine.

    >>> [round(warm_up_then_cosine(u, 0.2), 2) for u in (0.05, 0.1, 0.55, 1.0)]
    [0.25, 0.5, 0.6, 0.0]
    """
    return u / warm_up if u < warm_up else 0.5 * (1 + math.cos(math.pi * (u - warm_up) / (1 - warm_up)))


class _Optimiser:
    """Leaves that are moved in place, those whose ``grad`` is not None."""

    def __init__(self, weights: Iterable[Tensor], lr: float) -> None:
        self.weights, self.lr = list(weights), lr

    def forget_gradients(self) -> None:
        """No weight has one."""
        for w in self.weights:
            w.grad = None


class Adam(_Optimiser):
    """Adam (Kingma and Ba 2015) as `torch.optim.Adam` takes its steps, without weight decay.

    Args:
        weights: leaves to be moved.
        lr: learning rate; may be set anew before a step.
        betas: what stays of the moving averages of the gradient and of its square.
        fused: all of a step in one pass on a CPU, in a quarter of the time: as `torch.optim.Adam` with ``fused=True``,
            but for rounding the same.
    """

    def __init__(
        self, weights: Iterable[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.999), *, fused: bool = False
    ) -> None:
        super().__init__(weights, lr)
        self.betas = betas
        self.fused = fused and all(w.device.type == "cpu" for w in self.weights)
        self._state: dict[int, tuple[Tensor, Tensor, Tensor]] = {}  # of each weight: mean, mean square, steps

    @torch.no_grad()
    def step(self) -> None:
        """Along the gradients that the weights hold."""
        moved = [(i, w) for i, w in enumerate(self.weights) if w.grad is not None]
        for i, w in moved:
            if i not in self._state:
                zeros = (torch.zeros_like(w, memory_format=torch.preserve_format) for _ in range(2))
                self._state[i] = (*zeros, torch.tensor(0.0))  # type: ignore[assignment]
        state = [self._state[i] for i, _ in moved]
        means, squares, steps = ([slots[k] for slots in state] for k in range(3))
        adam(
            [w for _, w in moved],
            [w.grad for _, w in moved if w.grad is not None],
            means,
            squares,
            [],
            steps,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.lr,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
            fused=self.fused or None,  # else torch chooses by the device
        )


class Sgd(_Optimiser):
    """Plain gradient descent as `torch.optim.SGD` takes its steps, without momentum or weight decay.

    Args:
        weights: leaves to be moved.
        lr: learning rate.
    """

    @torch.no_grad()
    def step(self) -> None:
        """Along the gradients that the weights hold."""
        moved = [w for w in self.weights if w.grad is not None]
        slopes = [w.grad for w in moved if w.grad is not None]
        none = {"weight_decay": 0.0, "momentum": 0.0, "dampening": 0.0}
        sgd(moved, slopes, [], lr=self.lr, nesterov=False, maximize=False, **none)  # type: ignore[arg-type]
