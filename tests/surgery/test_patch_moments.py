"""Second moments of patches by shifts, against the patches themselves."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from gsu_cli.surgery import kfac
from gsu_cli.surgery.kfac import KroneckerBuilder
from gsu_cli.surgery.layers import rows
from gsu_cli.surgery.patch_moments import by_shifts, patch_moments

MAPS = [(11, 3, 7, 7), (40, 2, 4, 5), (3, 4, 14, 13), (90, 5, 6, 4)]


def rounding(places: int, dtype: torch.dtype) -> float:
    """What a dtype leaves open of the largest entry, a sum of so many squares.

    Rounding errors that go either way add up to the root of their number. AMD's Zen 4 adds such narrow products place
    by place and comes to a third of that (1.7e-6 of 2,160 places in float32); Intel's stay below 1e-6.
    """
    return math.sqrt(places) * torch.finfo(dtype).eps


def maps(n: int, c: int, h: int, w: int, dtype: torch.dtype) -> torch.Tensor:
    found = torch.randn(n, c, h, w, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    return (found + 0.5).to(dtype, memory_format=torch.channels_last)  # not of mean 0, as activations are


@pytest.mark.parametrize("shape", MAPS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_they_are_the_products_of_the_patches(shape, bias, dtype):
    x = maps(*shape, dtype)
    layer = nn.Conv2d(shape[1], 6, 3, padding=1, bias=bias)
    a, _ = rows(layer, ("weight", "bias") if bias else ("weight",), x.double(), x.new_zeros(len(x), 6, *shape[2:]))
    exact = a.flatten(0, 1).mT @ a.flatten(0, 1)
    found = patch_moments(x, bias)
    assert found.dtype == dtype
    assert found.shape == exact.shape
    bound = rounding(a.shape[0] * a.shape[1], dtype)
    assert float((found.double() - exact).abs().max()) <= bound * float(exact.abs().max())


def test_how_many_maps_are_multiplied_together_moves_rounding_only(monkeypatch):
    x = maps(40, 3, 6, 5, torch.float64)
    whole = patch_moments(x, True)
    monkeypatch.setattr("gsu_cli.surgery.patch_moments.AT_ONCE", 1)  # a map at a time
    torch.testing.assert_close(patch_moments(x, True), whole, rtol=1e-13, atol=1e-13)


def test_kronecker_factors_by_shifts_are_those_by_patches(monkeypatch):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.SiLU(), nn.Conv2d(5, 3, 3, padding=1, bias=False))
    x = maps(30, 2, 6, 6, torch.float32)
    noise = torch.randn(30, 3, 6, 6, generator=torch.Generator().manual_seed(1))

    def factors():
        builder = KroneckerBuilder(net)
        builder.accumulate(x, lambda _: noise)
        return builder.finish().layers

    found = factors()
    monkeypatch.setattr(kfac, "by_shifts", lambda *_: False)
    for one, other in zip(found, factors(), strict=True):
        assert torch.equal(one.G, other.G)
        assert float((one.A - other.A).abs().max()) <= rounding(30 * 6 * 6, torch.float32) * float(other.A.abs().max())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 3, padding=1, stride=2),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(4, 4, 5, padding=2),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.ConvTranspose2d(4, 4, 3, padding=1),
        nn.Linear(4, 4),
    ],
)
def test_other_layers_have_patches(layer):
    assert not by_shifts(layer, torch.zeros(99, 4, 8, 8))


def test_few_places_have_patches():
    layer = nn.Conv2d(4, 4, 3, padding=1)
    assert by_shifts(layer, torch.zeros(8, 4, 8, 8))
    assert not by_shifts(layer, torch.zeros(7, 4, 8, 8))
    assert not by_shifts(layer, torch.zeros(999, 4, 8, 3))
