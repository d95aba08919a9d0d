"""Sites whose targets are made when they are asked for: pictures of the original with a part of another in them.

    t_i = x_i + w (y_i - x_i),   x_i = E[x | decoder_0(z_i)],   y_i one of few pictures

Thousands of large targets would be most of what a step holds. Asked for rarely, a pass of the original each time is the
cheaper way to have them, and gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gsu_cli.models.pass_sizes import AT_ONCE, together
from gsu_cli.models.sites import Sites


@dataclass(frozen=True, kw_only=True)
class Retouched(Sites):
    """Such sites; ``inputs`` are the latents ``z_i`` alone, ``targets`` the few pictures ``(m, c, h, w)``.

    Attributes:
        which: ``(n,)``, the picture ``y_i`` of each site.
        weight: ``w``, ``(1, h, w)`` in [0, 1].
        generate: latents -> ``x``, by weights that stay as they are.
    """

    which: Tensor
    weight: Tensor
    generate: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, index: slice | Tensor) -> Sites:
        z, which = self.inputs[0][index], self.which[index]
        parts = zip(z.split(AT_ONCE), which.split(AT_ONCE), strict=True)
        return Sites((z,), together([self._made(*part) for part in parts]))

    def every(self, step: int) -> Sites:
        return replace(self, inputs=(self.inputs[0][::step].contiguous(),), which=self.which[::step])

    @torch.no_grad()
    def _made(self, z: Tensor, which: Tensor) -> Tensor:
        return retouched(self.generate(z), self.targets[which], self.weight)


def retouched(x: Tensor, y: Tensor, weight: Tensor, out: Tensor | None = None) -> Tensor:
    """Pictures ``x`` where ``weight`` is 0, ``y`` where it is 1; one image below the other in memory."""
    return torch.add(x, weight * (y - x), out=x.new_empty(x.shape) if out is None else out)
