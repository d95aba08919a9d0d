"""A call with other weights leaves the module's own in place, whichever names lead to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gsu_cli.surgery.folding import folded
from gsu_cli.surgery.functional_call import called


class Inside(nn.Module):
    """An adapter that keeps a library's model whole, and names a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
        self.decoder = self.inner

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.decoder(x)
        return found


def twice() -> nn.Module:
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.Tanh(), layer)


def tied() -> nn.Module:
    one, other = nn.Linear(3, 3), nn.Linear(3, 3)
    other.weight = one.weight
    return nn.Sequential(one, nn.Tanh(), other)


@pytest.mark.parametrize("kind", [Inside, twice, tied])
def test_the_modules_own_weights_are_the_same_objects_afterwards(kind: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module, x = kind(), torch.randn(4, 3)
    own, before = dict(module.named_parameters(remove_duplicate=False)), module(x)
    values = {k: p.detach().clone() for k, p in own.items()}
    theta = {k: torch.randn_like(p) for k, p in module.named_parameters()}
    there = called(module, theta, (x,))
    assert {k: id(p) for k, p in module.named_parameters(remove_duplicate=False)} == {k: id(p) for k, p in own.items()}
    assert all(torch.equal(own[k], v) for k, v in values.items())
    assert torch.equal(module(x), before)
    with torch.no_grad():
        for k, p in module.named_parameters():
            p.copy_(theta[k])
    assert torch.equal(module(x), there)


def test_an_error_inside_leaves_them_too() -> None:
    module = Inside()
    own = module.inner[0].weight
    with pytest.raises(RuntimeError):
        called(module, {"inner.0.weight": torch.zeros(3, 3)}, (torch.randn(4, 2),))
    assert module.decoder[0].weight is own


def test_a_layer_in_two_places_is_not_folded_with_other_weights_in_one_of_them() -> None:
    rectifier = nn.PReLU()
    network = nn.Sequential(
        nn.Unflatten(1, (2, 2, 2)), rectifier, nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 3, padding=1), rectifier
    )
    z, theta = torch.randn(3, 8), {"1.weight": torch.tensor([3.0])}
    through = folded(network, theta)
    assert through is None or torch.allclose(through(z), called(network, theta, (z,)))
