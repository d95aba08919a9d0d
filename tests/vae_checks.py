"""What every VAE of the package keeps, whatever its network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gsu_cli.models.protocols import Generator, HasDecoder, HasPosterior


def assert_shapes_and_protocols(model: Any, x: Tensor) -> None:
    """Of images ``x``, ``(n, c, h, w)``."""

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    mean, sd = model.posterior(x)
    assert mean.shape == sd.shape == (len(x), model.latent_dim)
    assert (sd > 0).all()
    assert model.decoder(mean).shape == model.decode(mean).shape == x.shape
    for n in (7, 0):
        assert model.sample(n, seeded()).shape == (n, *model.shape)
    assert model.loss(x, torch.zeros(len(x), dtype=torch.int64), seeded()).shape == (len(x),)
    for capability in (Generator, HasDecoder, HasPosterior):
        assert isinstance(model, capability)
