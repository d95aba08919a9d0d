"""Sites: the one question behind every family, a network maps inputs to an output, and how wrong is that?

| family | network | target | output loss |
|---|---|---|---|
| VAE | ``z -> pixel parameters`` | pixels | -log p(x | output), nats |
| diffusion | ``(x_t, t) -> eps or v`` | eps or v | mean squared error |
| GAN | ``z -> image`` | an image | mean squared error |

Gradients, Fishers, Gauss-Newton products, redirection and budgets need sites and nothing else; a family only makes
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gsu_cli.surgery.devices import normal


class OutputLoss(Protocol):
    """How wrong an output of a network is, all functions per site."""

    def nll(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, ``(n,)``: -log p(target | output) but for constants, in the unit of the model's loss."""

    def mean(self, output: Tensor) -> Tensor:
        """E[target | output]: the target that the output stands for."""

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        """D nll(output, y)/d output for y ~ p(. | output): the pseudo-gradient whose covariance is the Fisher."""


class SquaredError:
    """Mean squared error over the ``d`` values of an output: the likelihood of N(output, d / 2)."""

    def nll(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().flatten(1).mean(1)

    def mean(self, output: Tensor) -> Tensor:
        return output

    def fisher_residual(self, output: Tensor, generator: torch.Generator) -> Tensor:
        noise: Tensor = normal(output.shape, generator, output) * (2 / output[0].numel()) ** 0.5
        return noise


class ImageError(SquaredError):
    """The same of outputs that are images: what is generated lies in [0, 1]."""

    def mean(self, output: Tensor) -> Tensor:
        return output.clamp(0, 1)


@dataclass(frozen=True)
class Sites:
    """Inputs of a network and the targets there.

    Attributes:
        inputs: what the network is given, each ``(n, ...)``; conditions are among them.
        targets: ``(n, ...)``, what its output is compared with; of pixels perhaps still as uint8, see `to_float`.
        constant: ``(n,)``, what the loss has besides and the network's weights do not move, the KL of a VAE; or None.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    constant: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: slice | Tensor) -> Sites:
        constant = None if self.constant is None else self.constant[index]
        return Sites(tuple(t[index] for t in self.inputs), self.targets[index], constant)

    def split(self, size: int) -> Iterator[Sites]:
        """Parts of at most ``size``, in order."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def every(self, step: int) -> Sites:
        """Every ``step``-th, the first among them; of targets, which may be large, a view."""
        index = torch.arange(0, len(self), step)
        constant = None if self.constant is None else self.constant[index]
        return Sites(tuple(t[index] for t in self.inputs), self.targets[::step], constant)

    @staticmethod
    def joined(parts: Sequence[Sites]) -> Sites:
        """One after the other."""
        inputs = tuple(torch.cat(column) for column in zip(*(p.inputs for p in parts), strict=True))
        constants = [p.constant for p in parts if p.constant is not None]
        whole = torch.cat(constants) if len(constants) == len(parts) else None
        return Sites(inputs, torch.cat([p.targets for p in parts]), whole)


@dataclass(frozen=True)
class Repeated(Sites):
    """Sites of which some share a target: after all targets come the same again, as often as there are inputs.

    The targets are kept once.
    """

    def __len__(self) -> int:
        return len(self.inputs[0])

    def __getitem__(self, index: slice | Tensor) -> Sites:
        constant = None if self.constant is None else self.constant[index]
        n = len(self.targets)
        if isinstance(index, Tensor):
            targets = self.targets[index % n]
        else:
            start, stop, _ = index.indices(len(self))
            within = stop <= start // n * n + n  # before the targets begin anew
            at = slice(start % n, start % n + stop - start)
            targets = self.targets[at if within else torch.arange(start, stop, device=self.targets.device) % n]
        return Sites(tuple(t[index] for t in self.inputs), targets, constant)

    def every(self, step: int) -> Sites:
        return self[torch.arange(0, len(self), step)]
