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

from gsu_cli.checks import as_choice, as_int, as_ints, as_shape
from gsu_cli.errors import UsageError
from gsu_cli.models.conditions import DROP
from gsu_cli.models.diffusion.base import Denoiser
from gsu_cli.models.diffusion.guidance import check_guidance
from gsu_cli.models.diffusion.schedule import sampling_times
from gsu_cli.models.diffusion.unet import UNet
from gsu_cli.models.generating import made

SOLVERS = ("euler", "heun")


class Flow(Denoiser):
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
        super().__init__()
        self.shape, self.channels = as_shape("model.shape", shape), as_ints("model.channels", channels)
        self.patch, self.embedding = as_int("model.patch", patch), as_int("model.embedding", embedding)
        self.train_steps = as_int("model.train_steps", train_steps, 2)
        self.sample_steps = as_int("model.sample_steps", sample_steps, 2)
        if self.sample_steps > train_steps:
            raise UsageError(f"`model.sample_steps` must be at most train_steps, {train_steps}", found=sample_steps)
        self.solver = as_choice("model.solver", solver, SOLVERS)
        self._expect(conditions, drop)
        self.guidance = check_guidance(guidance, self.conditions)
        self.network = UNet(self.shape, self.channels, self.patch, self.embedding, self.conditions)
        s = torch.arange(1, train_steps + 1, dtype=torch.float64) / train_steps
        self._noise_by(1 - s, s)

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "channels": list(self.channels),
            "patch": self.patch,
            "embedding": self.embedding,
            "train_steps": self.train_steps,
            "sample_steps": self.sample_steps,
            "solver": self.solver,
            **({"conditions": self.conditions, "drop": self.drop} if self.conditions else {}),
            **({"guidance": self.guidance} if self.guidance != 1 else {}),
        }

    def condition_column(self, c: int) -> tuple[str, int]:
        """The embedding of condition ``c``: a parameter, and which of its columns."""
        return "network.condition.weight", c

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
        return (x / 2 + 0.5).clamp(0, 1)
