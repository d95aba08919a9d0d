"""What both diffusion models with a small UNet of their own share: its options, its places in a config, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from gsu_cli.checks import as_int, as_ints, as_shape
from gsu_cli.errors import UsageError
from gsu_cli.models.diffusion.base import Denoiser
from gsu_cli.models.diffusion.guidance import check_guidance
from gsu_cli.models.diffusion.unet import UNet


class SmallDenoiser(Denoiser):
    """A denoiser whose network is a `UNet`.

    Args:
        shape, channels, patch, embedding, sample_steps, conditions, drop, guidance: as those of `Ddpm`.
        signal, noisiness: ``a`` and ``s`` of each noise level, ``(T,)``.

    Raises:
        UsageError: an option is out of range, or a size does not divide the images.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int],
        patch: int,
        embedding: int,
        sample_steps: int,
        conditions: int | None,
        drop: float,
        guidance: float,
        *,
        signal: Tensor,
        noisiness: Tensor,
    ) -> None:
        super().__init__()
        self.shape, self.channels = as_shape("model.shape", shape), as_ints("model.channels", channels)
        self.patch, self.embedding = as_int("model.patch", patch), as_int("model.embedding", embedding)
        self.train_steps, self.sample_steps = len(signal), as_int("model.sample_steps", sample_steps, 2)
        if self.sample_steps > self.train_steps:
            raise UsageError(
                f"`model.sample_steps` must be at most train_steps, {self.train_steps}", found=sample_steps
            )
        self._expect(conditions, drop)
        self.guidance = check_guidance(guidance, self.conditions, drop=self.drop)
        self.network = UNet(self.shape, self.channels, self.patch, self.embedding, self.conditions)
        self._noise_by(signal, noisiness)

    def _own_config(self) -> dict[str, Any]:
        """Options that the subclass has besides."""
        raise NotImplementedError

    def config(self) -> dict[str, Any]:
        return {
            "shape": list(self.shape),
            "channels": list(self.channels),
            "patch": self.patch,
            "embedding": self.embedding,
            **self._own_config(),
            "train_steps": self.train_steps,
            "sample_steps": self.sample_steps,
            **({"conditions": self.conditions, "drop": self.drop} if self.conditions else {}),
            **({"guidance": self.guidance} if self.guidance != 1 else {}),
        }

    def condition_column(self, c: int) -> tuple[str, int]:
        """The embedding of condition ``c``: a parameter, and which of its columns."""
        return "network.condition.weight", c
