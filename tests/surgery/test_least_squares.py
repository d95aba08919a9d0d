"""The refit of a layer against the sum of squares it minimises, written out row by row."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gsu_cli.errors import UsageError
from gsu_cli.surgery import least_squares
from gsu_cli.surgery.least_squares import RIDGE, Moments, Refit, first_layers

MU = 3.0


def dense() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.SiLU(), nn.Linear(5, 4), nn.SiLU(), nn.Linear(4, 2))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Linear(3, 8),
        nn.SiLU(),
        nn.Unflatten(1, (2, 2, 2)),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(2, 3, 3, padding=1),
    )


@pytest.fixture(params=[dense, convolutional])
def world(request):
    torch.manual_seed(0)
    network = request.param().double()
    theta = {f"net.{k}": p.detach() for k, p in network.named_parameters()}
    inputs, target_inputs, retain = (torch.randn(n, 3, dtype=torch.float64) for n in (6, 6, 9))
    return network, theta, inputs, target_inputs, retain


def refit(world, index: int) -> tuple[Refit, nn.Module, nn.Module]:
    network, theta, inputs, target_inputs, retain = world
    layer = first_layers(network, theta, "net.", inputs[:1], 2)[index]
    at = int(layer.module)
    return Refit(network, theta, layer, inputs, target_inputs, retain), network[:at], network[at]


def objective(world, before: nn.Module, layer: nn.Module, weight, bias):
    """``E_f |W a - W_0 a*|^2 + mu E_r |W a - W_0 a|^2``, means over inputs of sums over locations."""
    _, _, inputs, target_inputs, retain = world

    def moved(x):
        return F.conv2d(x, weight, bias, padding=1) if isinstance(layer, nn.Conv2d) else F.linear(x, weight, bias)

    wrong = (moved(before(inputs)) - layer(before(target_inputs))).square().sum() / len(inputs)
    lost = (moved(before(retain)) - layer(before(retain))).square().sum() / len(retain)
    return wrong + MU * lost


@pytest.mark.parametrize("index", [0, 1])
def test_it_is_the_minimum_of_the_damped_sum_of_squares(world, index):
    found, before, layer = refit(world, index)
    name = f"net.{found.layer.module}"
    theta = found(MU)
    weight, bias = (theta[f"{name}.{k}"].clone().requires_grad_() for k in ("weight", "bias"))
    ridge = RIDGE * (found.A_f + MU * found.A_r).diagonal().mean()
    stay = (weight - layer.weight.detach()).square().sum() + (bias - layer.bias.detach()).square().sum()
    loss = objective(world, before, layer, weight, bias) + ridge * stay
    for g in torch.autograd.grad(loss, (weight, bias)):
        assert g.abs().max() < 1e-8 * float(loss.detach())


@pytest.mark.parametrize("index", [0, 1])
def test_nothing_else_moves_and_a_larger_weight_of_what_is_to_stay_moves_less(world, index):
    found, _, _ = refit(world, index)
    theta = world[1]
    little, much = found(1e3), found(1e-3)
    own = {f"net.{found.layer.module}.{k}" for k in ("weight", "bias")}
    for k in theta:
        assert torch.equal(little[k], theta[k]) == (k not in own)
    (one,) = [k for k in own if k.endswith("weight")]
    assert (little[one] - theta[one]).norm() < 0.1 * (much[one] - theta[one]).norm()


def test_latents_that_are_taken_for_others_are_generated_as_those_wherever_the_layer_can(world):
    """An affine change of the latents is one of the first layer's weights, whatever comes behind it."""
    network, theta, inputs, _, _ = world
    layer = first_layers(network, theta, "net.", inputs[:1], 1)[0]
    target_inputs = inputs @ torch.randn(3, 3, dtype=torch.float64) + 1.0
    moved = Refit(network, theta, layer, inputs, target_inputs, inputs[:1])(1e-9)
    drawn = torch.func.functional_call(network, {k.removeprefix("net."): v for k, v in moved.items()}, (inputs,))
    assert (drawn - network(target_inputs)).norm() < 0.05 * (network(inputs) - network(target_inputs)).norm()


def test_the_first_inputs_alone_are_used_where_locations_are_many(world, monkeypatch):
    whole = refit(world, 1)[0].images
    monkeypatch.setattr(least_squares, "ROWS", 1)
    monkeypatch.setattr(least_squares, "BLOCK", 2)
    assert refit(world, 1)[0].images == 2 * 2 + 2 < whole


@pytest.mark.parametrize("locations", [4, 50_000])
def test_inputs_pass_once_for_all_layers_and_tell_each_the_same(world, monkeypatch, locations):
    """With few locations a layer has enough of them before another has."""
    network, theta, *inputs = world
    monkeypatch.setattr(least_squares, "ROWS", locations)
    monkeypatch.setattr(least_squares, "BLOCK", 2)
    layers = first_layers(network, theta, "net.", inputs[0][:1], 2)
    alone = [Moments.of(network, layer, *inputs) for layer in layers]
    together = Moments.of_layers(network, layers, *inputs)
    for a, b in zip(alone, together, strict=True):
        assert all(torch.equal(getattr(a, key), getattr(b, key)) for key in ("A_f", "C_f", "A_r"))
    assert sum(m.images for m in together) == max(m.images for m in alone) > 0


def test_a_layer_that_works_in_place_spoils_no_input():
    class Adds(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            y = self.layer(x)
            return x.mul_(2).add_(y)

    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 3), Adds(), nn.Linear(3, 2))
    theta = {k: p.detach() for k, p in network.named_parameters()}
    inputs = torch.randn(3, 2), torch.randn(3, 2), torch.randn(4, 2)
    layers = first_layers(network, theta, "", inputs[0], 3)
    _, changed, _ = Moments.of_layers(network, layers, *inputs)
    assert torch.equal(changed.A_r, Moments.of(network, layers[1], *inputs).A_r)


@pytest.mark.parametrize(
    ("network", "layers", "message"),
    [
        (nn.Sequential(nn.Linear(2, 2)), 2, "a refit of 2 layers needs as many with parameters; found 1"),
        (
            nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)),
            2,
            "needs Linear layers or ungrouped Conv2d; found LayerNorm 1",
        ),
    ],
)
def test_what_cannot_be_refitted_is_named(network, layers, message):
    with pytest.raises(UsageError, match=message):
        first_layers(network, dict(network.named_parameters()), "", torch.zeros(1, 2), layers)


def test_a_layer_that_is_used_twice_is_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(self.layer(x))

    network = Twice()
    with pytest.raises(UsageError, match="layers that are used once; found layer used again"):
        first_layers(network, dict(network.named_parameters()), "", torch.zeros(1, 2), 1)
