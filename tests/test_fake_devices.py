"""Entry points of a VAE on a card that is not there: torch's fake tensors have a device, shapes and no values.

A tensor that stayed on the CPU, or noise that was not moved, is an error there, as on a card. `pretend_device` computes
real values behind the same wall, for all families and methods; this asks torch's own bookkeeping of CUDA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

from gsu_cli.models.model import decode
from gsu_cli.models.vae.mlp_vae import MlpVae

SHAPE = (4, 1, 8, 8)
Entry = Callable[[Any, Tensor, torch.Generator], Tensor]
ENTRIES: dict[str, Entry] = {
    "loss": lambda m, x, g: m.loss(x, None, g),
    "sample": lambda m, x, g: m.sample(3, g),
    "back": lambda m, x, g: decode(m, m.posterior(x)[0]),
    "residual": lambda m, x, g: m.likelihood.fisher_residual(m.decoder(m.posterior(x)[0]), g),
}
pytestmark = pytest.mark.slow  # torch imports much for it


def made() -> MlpVae:
    """A small model, made on the device: fake tensors cannot be moved in place."""
    with torch.device("cuda"):
        return MlpVae((1, 8, 8), latent_dim=3, hidden=(8,))


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_results_stay_on_the_device(entry: Entry) -> None:
    with FakeTensorMode():
        found = entry(made(), torch.rand(SHAPE, device="cuda"), torch.Generator().manual_seed(0))
    assert found.device.type == "cuda"


def test_two_devices_in_one_operation_are_seen() -> None:
    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        made().loss(torch.rand(SHAPE), None, torch.Generator())
