"""Doublings and convolutions as one: the same pass but for rounding, of plain chains alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gsu_cli.surgery.folding import folded, kernel


def chain(bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(5, 24), nn.SiLU(), nn.Unflatten(1, (6, 2, 2)),
        nn.Upsample(scale_factor=2.0), nn.Conv2d(6, 7, 3, padding=1, bias=bias), nn.SiLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(7, 12, 3, padding=1), nn.PixelShuffle(2),
    ).double()  # fmt: skip


def test_the_kernel_is_the_double_sum_of_the_formula() -> None:
    w = torch.randn(1, 1, 3, 3, dtype=torch.float64)
    for a in range(4):
        for b in range(4):
            inside = [(2 + i - a, 2 + j - b) for i in (0, 1) for j in (0, 1)]
            expected = sum(float(w[0, 0, r, c]) for r, c in inside if 0 <= r <= 2 and 0 <= c <= 2)
            assert float(kernel(w)[0, 0, a, b]) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("bias", [True, False])
def test_the_same_output_up_to_the_borders(bias: bool) -> None:
    network, z = chain(bias), torch.randn(3, 5, dtype=torch.float64)
    through = folded(network, {})
    assert through is not None
    with torch.no_grad():
        torch.testing.assert_close(through(z), network(z), atol=1e-14, rtol=1e-12)


def test_parameters_that_are_given_take_the_place_of_its_own() -> None:
    network, other, z = chain(), chain(), torch.randn(3, 5, dtype=torch.float64)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(torch.randn_like(p))
        theta = {k: v.detach() for k, v in other.named_parameters() if k != "7.bias"}
        through = folded(network, theta)
        assert through is not None
        theirs = {**theta, "7.bias": network[7].bias}
        expected = torch.func.functional_call(network, theirs, (z,))
        torch.testing.assert_close(through(z), expected, atol=1e-13, rtol=1e-12)


@pytest.mark.parametrize(
    ("up", "conv"),
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(6, 7, 3, padding=1)),
        (nn.Upsample(scale_factor=3), nn.Conv2d(6, 7, 3, padding=1)),
        (nn.Upsample(size=4), nn.Conv2d(6, 7, 3, padding=1)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(6, 7, 3)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(6, 7, 5, padding=1)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(6, 7, 3, padding=1, stride=2)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(6, 6, 3, padding=1, groups=2)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(6, 7, 3, padding=1, dilation=2)),
        (nn.Upsample(scale_factor=2), nn.Conv2d(6, 7, 3, padding=1, padding_mode="reflect")),
        (nn.Upsample(scale_factor=2), nn.SiLU()),
    ],
)
def test_what_is_no_such_pair_is_left_alone(up: nn.Module, conv: nn.Module) -> None:
    assert folded(nn.Sequential(up, conv), {}) is None


def test_a_network_that_is_watched_or_no_chain_is_left_alone() -> None:
    network = chain()
    network[4].register_forward_hook(lambda *_: None)
    assert folded(network, {}) is None

    class Own(nn.Sequential):
        pass

    assert folded(Own(*chain()), {}) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shuffled_pixels_are_the_layers_own(dtype: torch.dtype) -> None:
    for r in (2, 3):
        network = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(2, 3 * r * r, 3, padding=1), nn.PixelShuffle(r))
        x = torch.randn(2, 2, 4, 3).to(dtype)
        through = folded(network.to(dtype), {})
        assert through is not None
        with torch.no_grad():
            torch.testing.assert_close(through(x), network(x))


def test_what_goes_in_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.SiLU(), nn.Linear(5, 24), nn.SiLU(), *list(chain())[2:]).double()
    z = torch.randn(3, 5, dtype=torch.float64)
    through, before = folded(network, {}), z.clone()
    assert through is not None
    with torch.no_grad():
        torch.testing.assert_close(through(z), network(z))
    assert torch.equal(z, before)
