"""Flow matching: a network that says where an image lies from its noise, along straight lines.

    x_t = (1 - s) x_0 + s eps,   s = (t + 1) / T,   network(x_t, t) = d x_t / d s = eps - x_0

Sampling solves that equation from the noise at ``s = 1`` to the image at ``s = 0``, by Euler's rule or Heun's; no noise
comes on the way, so an image is a function of its noise and the weights.

Sources: Lipman, Chen, Ben-Hamu, Nickel and Le, "Flow Matching for Generative Modeling", ICLR 2023 (the path of equation
20 with ``sigma_min = 0``); Liu, Gong and Liu, "Flow Straight and Fast", ICLR 2023; Karras et al., "Elucidating the
Design Space of Diffusion-Based Generative Models", NeurIPS 2022, algorithm 1 (Heun's rule).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gsu_cli.checks import as_choice, as_int
from gsu_cli.models.conditions import DROP
from gsu_cli.models.diffusion.schedule import sampling_times
from gsu_cli.models.diffusion.small import SmallDenoiser
from gsu_cli.models.generating import made

SOLVERS = ("euler", "heun")


class Flow(SmallDenoiser):
    """A flow of images along straight lines, told the class of an image where ``conditions`` is not 0.

    Args:
        shape: ``(c, h, w)`` of the images.
        channels, patch, embedding: of the UNet, as those of `Ddpm`.
        train_steps: ``T``, the number of places ``s`` at which the network learns.
        sample_steps: of them that sampling visits, both ends included.
        solver: "euler", or "heun": twice the passes through the network a step, an error of second order.
        conditions, drop, guidance: as those of `Ddpm`.

    Raises:
        UsageError: an option is not one of these, or a size does not divide the images.
    """

    prediction = "velocity"

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int] = (32, 64),
        patch: int = 2,
        embedding: int = 128,
        train_steps: int = 1000,
        sample_steps: int = 25,
        solver: str = "euler",
        conditions: int | None = 0,
        drop: float = DROP,
        guidance: float = 1.0,
    ) -> None:
        solver = as_choice("model.solver", solver, SOLVERS)
        s = torch.arange(1, as_int("model.train_steps", train_steps, 2) + 1, dtype=torch.float64) / train_steps
        unet = (shape, channels, patch, embedding)
        super().__init__(*unet, sample_steps, conditions, drop, guidance, signal=1 - s, noisiness=s)
        self.solver = solver

    def _own_config(self) -> dict[str, Any]:
        return {"solver": self.solver}

    def _sampled(self, x: Tensor, y: Tensor) -> Tensor:
        def velocity(x: Tensor, t: int) -> Tensor:
            return self._predicted(x, torch.full((len(x),), t, device=x.device), y)

        times = sampling_times(self.train_steps, self.sample_steps).tolist()
        for i, t in enumerate(times):
            now, v = float(self.noisiness[t]), velocity(x, t)
            last = i + 1 == len(times)  # to the image, where the network was never asked
            step = (0.0 if last else float(self.noisiness[times[i + 1]])) - now
            if self.solver == "heun" and not last:
                v = (v + velocity(x + step * v, times[i + 1])) / 2
            x = x + step * v
            made(len(x) / len(times))
        return x / 2 + 0.5
