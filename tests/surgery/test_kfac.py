from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gsu_cli.errors import NonFiniteError, UsageError
from gsu_cli.surgery.kfac import KroneckerBuilder
from gsu_cli.surgery.layers import find_scopes, rows

from . import _fisher
from ._samplers import generator


def mlp(*, inplace: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=inplace), nn.Linear(4, 2)).double()


def conv_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1, padding_mode="reflect"), nn.Tanh(), nn.Conv2d(3, 2, 2, dilation=2)
    ).double()


def batch(n: int, shape: tuple[int, ...], seed: int = 1) -> torch.Tensor:
    return torch.randn(n, *shape, generator=generator(seed), dtype=torch.float64)


def test_numbers_pinned_by_hand():
    # y = W x + b with inputs 1 and 3, output gradients 2 and 4: A = mean of (x, 1)(x, 1)^T, G = mean of g^2
    layer = nn.Linear(1, 1).double()
    x, r = torch.tensor([[1.0], [3.0]]).double(), torch.tensor([[2.0], [4.0]]).double()
    block = _fisher.kfac(layer, x, r).layers[0]
    assert block.A.tolist() == [[5.0, 2.0], [2.0, 1.0]]
    assert block.G.tolist() == [[10.0]]


def test_one_sample_is_exact():
    net, x, r = mlp(), batch(1, (3,)), batch(1, (2,), 2)
    exact = _fisher.exact_fisher(net, x, r)
    first = 3 * 4 + 4
    found = _fisher.dense(_fisher.kfac(net, x, r).apply, net)
    torch.testing.assert_close(found[:first, :first], exact[:first, :first])
    torch.testing.assert_close(found[first:, first:], exact[first:, first:])
    assert float(found[:first, first:].abs().max()) == 0.0  # layer by layer: K-FAC knows no cross terms


def test_inputs_independent_of_gradients_are_exact():
    # every input paired with every output gradient: independent by construction
    layer = nn.Linear(3, 2).double()
    a, g = batch(5, (3,)), batch(4, (2,), 2)
    x, r = a.repeat_interleave(4, 0), g.repeat(5, 1)
    found = _fisher.dense(_fisher.kfac(layer, x, r).apply, layer)
    torch.testing.assert_close(found, _fisher.exact_fisher(layer, x, r))


def test_dependent_inputs_are_not_exact():
    layer, x, r = nn.Linear(3, 2).double(), batch(20, (3,)), batch(20, (2,), 2)
    found, exact = _fisher.dense(_fisher.kfac(layer, x, r).apply, layer), _fisher.exact_fisher(layer, x, r)
    assert float((found - exact).norm()) > 0.05 * float(exact.norm())


def test_the_trace_of_independent_factors_is_the_trace_of_the_fisher():
    layer, x = nn.Linear(3, 2).double(), torch.ones(6, 3).double()
    r = batch(6, (2,))
    found = _fisher.kfac(layer, x, r)
    exact = _fisher.exact_fisher(layer, x, r)
    assert found.mean_eigenvalue() == pytest.approx(float(exact.trace()) / len(exact))


def test_a_convolution_with_one_location_is_a_linear_layer():
    conv = nn.Conv2d(2, 3, 2).double()
    linear = nn.Linear(8, 3).double()
    linear.weight.data, linear.bias.data = conv.weight.data.flatten(1), conv.bias.data
    x, r = batch(7, (2, 2, 2)), batch(7, (3,), 2)
    a, b = _fisher.kfac(conv, x, r).layers[0], _fisher.kfac(linear, x.flatten(1), r).layers[0]
    torch.testing.assert_close(a.A, b.A)
    torch.testing.assert_close(a.G, b.G)


def test_a_linear_layer_on_sequences_is_a_one_by_one_convolution():
    conv, linear = nn.Conv2d(3, 2, 1).double(), nn.Linear(3, 2).double()
    linear.weight.data, linear.bias.data = conv.weight.data.flatten(1), conv.bias.data
    x, r = batch(4, (3, 2, 5)), batch(4, (2, 2, 5), 2)
    sequence = [t.permute(0, 2, 3, 1) for t in (x, r)]
    a, b = _fisher.kfac(conv, x, r).layers[0], _fisher.kfac(linear, *sequence).layers[0]
    torch.testing.assert_close(a.A, b.A)
    torch.testing.assert_close(a.G, b.G)


def test_convolution_factors_against_patches_cut_by_hand():
    conv = nn.Conv2d(1, 1, 2, bias=False).double()
    x = torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]).double()  # two locations
    block = _fisher.kfac(conv, x, torch.tensor([[[[1.0, 3.0]]]]).double()).layers[0]
    first, second = torch.tensor([1.0, 2, 4, 5]).double(), torch.tensor([2.0, 3, 5, 6]).double()
    torch.testing.assert_close(block.A, torch.outer(first, first) + torch.outer(second, second))
    assert block.G.tolist() == [[5.0]]  # (1 + 9) / 2 locations


@pytest.mark.parametrize("net", [mlp(), conv_net()], ids=["mlp", "conv"])
@pytest.mark.parametrize("build", [_fisher.kfac, _fisher.ekfac])
def test_the_split_into_batches_does_not_matter(net, build):
    x = batch(12, (3,) if isinstance(net[0], nn.Linear) else (2, 8, 8))
    r = batch(12, tuple(net(x).shape[1:]), 2)
    whole, parts = build(net, x, r), build(net, x, r, batch=5)
    for a, b in zip(whole.layers, parts.layers, strict=True):
        torch.testing.assert_close(a.A, b.A)
        torch.testing.assert_close(a.G, b.G)
        torch.testing.assert_close(a.eigenvalues, b.eigenvalues, rtol=1e-9, atol=1e-9)


def test_the_same_stream_twice_is_bit_identical():
    net, x, r = mlp().float(), batch(64, (3,)).float(), batch(64, (2,), 2).float()
    a, b = _fisher.ekfac(net, x, r, batch=10), _fisher.ekfac(net, x, r, batch=10)
    assert all(torch.equal(p.eigenvalues, q.eigenvalues) for p, q in zip(a.layers, b.layers, strict=True))


def test_an_in_place_activation_and_frozen_weights_change_nothing():
    x, r = batch(6, (3,)), batch(6, (2,), 2)
    plain, frozen = _fisher.kfac(mlp(), x, r), mlp(inplace=True)
    frozen.requires_grad_(False)
    for a, b in zip(plain.layers, _fisher.kfac(frozen, x, r).layers, strict=True):
        assert torch.equal(a.A, b.A)
        assert torch.equal(a.G, b.G)


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.PReLU(4),
    ],
    ids=lambda m: type(m).__name__,
)
def test_other_layers_have_the_exact_diagonal(layer):
    net = nn.Sequential(nn.Conv2d(2, 4, 1, bias=False), layer).double()
    x = batch(6, (2, 3, 3))
    r = batch(6, tuple(net.eval()(x).shape[1:]), 2)
    net.train()
    fisher = _fisher.kfac(net, x, r)
    assert net[1].training  # the mode was put back
    exact = _fisher.exact_fisher(net.eval(), x, r).diagonal()[8:]
    torch.testing.assert_close(torch.cat([s.reshape(-1) for s in fisher.diagonal.values()]), exact)
    assert set(fisher.names()) == {k for k, _ in net.named_parameters()}


CONVOLUTIONS = {
    "groups": nn.Conv2d(4, 6, 2, groups=2, padding=1),
    "depthwise": nn.Conv2d(4, 4, 3, groups=4, stride=2),
    "transposed": nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
    "transposed, spare room": nn.ConvTranspose2d(4, 3, 2, stride=1, dilation=3, output_padding=2),
    "transposed in groups": nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2),
}


@pytest.mark.parametrize("layer", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_one_sample_and_one_location_of_any_convolution_is_exact_per_group(layer):
    # one location: a transposed convolution's is its one input pixel, another's its one output pixel
    size = (1, 1) if isinstance(layer, nn.ConvTranspose2d) else (3, 3) if layer.stride[0] == 2 else (1, 1)
    layer = copy.deepcopy(layer).double()
    if layer.padding[0] and isinstance(layer, nn.Conv2d):
        layer.padding, layer._reversed_padding_repeated_twice, size = (0, 0), [0, 0, 0, 0], (2, 2)
    x = batch(1, (4, *size))
    r = batch(1, tuple(layer(x).shape[1:]), 2)
    exact, found = _fisher.exact_fisher(layer, x, r), _fisher.dense(_fisher.kfac(layer, x, r).apply, layer)
    known = found != 0  # blocks: between groups, and between weight and a bias apart, K-FAC has no cross terms
    torch.testing.assert_close(found[known], exact[known])
    torch.testing.assert_close(found.diagonal(), exact.diagonal())


@pytest.mark.parametrize("layer", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_the_rows_of_any_convolution_make_its_gradient(layer):
    layer = copy.deepcopy(layer).double()
    x = batch(3, (4, 5, 5))
    y = layer(x)
    r = batch(3, tuple(y.shape[1:]), 2)
    exact = dict(zip(["weight", "bias"], torch.autograd.grad(y, list(layer.parameters()), r), strict=True))
    scope = find_scopes(layer, None, "")[0]
    a, g = rows(layer, scope.own, x, r)
    M = g.flatten(-3, -2).mT @ a.flatten(-3, -2)
    for name, gradient in scope.unpack(M, exact).items():
        torch.testing.assert_close(gradient, exact[name])
    torch.testing.assert_close(scope.pack(exact), M)


@pytest.mark.parametrize("layer", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_ekfac_of_any_convolution_has_the_exact_trace(layer):
    layer = copy.deepcopy(layer).double()
    x = batch(5, (4, 5, 5))
    r = batch(5, tuple(layer(x).shape[1:]), 2)
    exact = _fisher.exact_fisher(layer, x, r)
    corrected, plain = _fisher.ekfac(layer, x, r, batch=2), _fisher.kfac(layer, x, r)
    assert corrected.mean_eigenvalue() * len(exact) == pytest.approx(float(exact.trace()))
    far, near = (float((_fisher.dense(f.apply, layer) - exact).norm()) for f in (plain, corrected))
    assert near < far


def test_a_layer_that_is_used_twice_counts_both_uses():
    net = Twice().double()
    x, r = batch(1, (2,)), batch(1, (2,), 2)
    block = _fisher.kfac(net, x, r).layers[0]
    h = net.layer(x)
    inner = r @ net.layer.weight  # the gradient that reaches the first use
    a = torch.cat([torch.cat([t, torch.ones(1, 1).double()], 1) for t in (x, h)])
    torch.testing.assert_close(block.A, a.T @ a)
    torch.testing.assert_close(block.G, (inner.T @ inner + r.T @ r) / 2)  # two locations
    # the gradient itself is the sum of both uses, which EK-FAC's eigenvalues see whole
    exact = _fisher.exact_fisher(net, x, r)
    assert _fisher.ekfac(net, x, r).mean_eigenvalue() * len(exact) == pytest.approx(float(exact.trace()))


def test_a_diagonal_leaf_that_is_used_twice_is_exact():
    class TwicePReLU(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bend = nn.PReLU(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.bend(2 * self.bend(x) - 1)

    net = TwicePReLU().double()
    x, r = batch(7, (3,)), batch(7, (3,), 2)
    torch.testing.assert_close(
        _fisher.kfac(net, x, r).diagonal["bend.weight"], _fisher.exact_fisher(net, x, r).diagonal()
    )


class Conditioned(nn.Module):
    """Takes ``(x, t, label)`` as a denoiser does; the label's layer lies behind integers alone."""

    def __init__(self) -> None:
        super().__init__()
        self.x, self.t, self.label, self.out = nn.Linear(3, 4), nn.Linear(1, 4), nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        chosen = nn.functional.one_hot(label, 2).to(x.dtype)
        return self.out(torch.tanh(self.x(x) + self.t(t[:, None]) + self.label(chosen)))


@pytest.mark.parametrize("frozen", [False, True])
def test_several_inputs(frozen):
    torch.manual_seed(0)
    net = Conditioned().double().requires_grad_(not frozen)
    x, t, label, r = batch(1, (3,)), batch(1, (), 3), torch.tensor([1]), batch(1, (2,), 2)
    builder = KroneckerBuilder(net)
    builder.accumulate((x, t, label), lambda output: r)
    found = _fisher.dense(builder.finish().apply, net)
    net.requires_grad_()
    g = torch.cat([p.reshape(-1) for p in torch.autograd.grad(net(x, t, label), list(net.parameters()), r)])
    at = 0
    for layer in net.children():  # one sample: each layer's own block is exact
        size = sum(p.numel() for p in layer.parameters())
        block = slice(at, at + size)
        torch.testing.assert_close(found[block, block], torch.outer(g[block], g[block]))
        at += size


@pytest.mark.parametrize("names", [["2.weight"], ["0.bias"], ["0.weight", "0.bias", "2.bias"]])
def test_part_of_the_parameters(names):
    net, x, r = mlp(), batch(9, (3,)), batch(9, (2,), 2)
    builder = KroneckerBuilder(net, [f"dec.{k}" for k in names], prefix="dec.")
    builder.accumulate(x, lambda output: r)
    fisher = builder.finish()
    v = {f"dec.{k}": p.detach() for k, p in net.named_parameters() if k in names}
    assert fisher.inverse(0.1).apply(v).keys() == v.keys()
    assert all(x.A.shape[0] == x.eigenvalues.shape[1] for x in fisher.layers)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


class Loose(Twice):
    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(2))


class Idle(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    return net


class Recurrent(nn.Module):
    """A layer that gives a pair."""

    def __init__(self):
        super().__init__()
        self.steps = nn.GRU(2, 2, batch_first=True)

    def forward(self, x):
        return self.steps(x[:, None])[0][:, 0]


class Reshaped(nn.Module):
    """A layer that is shown samples in another place than the first."""

    def __init__(self, there, back):
        super().__init__()
        self.layer, self.there, self.back = nn.Linear(2, 2), there, back

    def forward(self, x):
        return self.back(self.layer(self.there(x)))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Loose(), "layer of their own"),
        (Idle(), "take part.*Leave its parameters out of generation_parameters"),
        (Recurrent(), "take one tensor and give one; found steps, a GRU. Use a method that needs gradients alone"),
        (Reshaped(lambda x: x.expand(5, -1, -1), lambda y: y.mean(0)), r"samples first; found layer with \(5, 3, 2\)"),
        (
            Reshaped(lambda x: x.repeat(2, 1), lambda y: y[:3] + y[3:]),
            r"samples first; found layer with \(6, 2\) for 3",
        ),
        (tied(), "untied"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)), "running statistics"),
    ],
    ids=["loose", "idle", "a pair", "samples second", "folded", "tied", "batch statistics"],
)
def test_what_has_no_factors_is_refused(net, message):
    with pytest.raises(UsageError, match=message):
        KroneckerBuilder(net).accumulate(torch.ones(3, 2), lambda output: output)


def test_unknown_names_no_samples_and_nan_are_refused():
    with pytest.raises(UsageError, match="must exist"):
        KroneckerBuilder(mlp(), ["9.weight"])
    with pytest.raises(UsageError, match="at least one sample"):
        KroneckerBuilder(mlp()).finish()
    with pytest.raises(NonFiniteError, match="layer '0'"):
        _fisher.kfac(mlp(), batch(2, (3,)) * float("nan"), batch(2, (2,)))


def test_the_raw_weight_of_torchs_attention_is_refused() -> None:
    """``in_proj_weight`` belongs to no layer that could be watched; q, k and v as layers of their own have factors."""
    with pytest.raises(UsageError, match=r"found in_proj_weight\. .*q, k and v can be nn.Linear layers of their own"):
        KroneckerBuilder(nn.MultiheadAttention(4, 1))


class LinearAttention(nn.Module):
    """Self-attention of three places with a layer each for q, k, v and the way out."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(4, 4) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = torch.softmax(self.q(x) @ self.k(x).mT / 2, -1)
        return self.out(weights @ self.v(x))


def test_the_linear_layers_of_attention_have_the_factors_of_their_inputs_and_gradients() -> None:
    torch.manual_seed(0)
    module, x = LinearAttention().double(), torch.randn(6, 3, 4, dtype=torch.float64)
    target = torch.randn(6, 3, 4, dtype=torch.float64)
    builder = KroneckerBuilder(module)
    builder.accumulate(x, lambda output: output - target)
    found = {layer.scope.module: layer for layer in builder.finish().layers}
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name, layer in module.named_children():

        def hook(layer: nn.Module, args: tuple[torch.Tensor], output: torch.Tensor, name: str = name) -> None:
            output.retain_grad()
            seen[name] = args[0], output

        layer.register_forward_hook(hook)
    (0.5 * (module(x) - target).square()).sum().backward()
    assert set(found) == {"q", "k", "v", "out"}
    for name, (a, y) in seen.items():
        rows = torch.cat([a.detach().flatten(0, 1), torch.ones(18, 1, dtype=torch.float64)], 1)
        torch.testing.assert_close(found[name].A, rows.T @ rows / 6)
        g = y.grad.flatten(0, 1)
        torch.testing.assert_close(found[name].G, g.T @ g / 18)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("bias", [True, False])
def test_patches_are_those_of_unfold_to_the_last_bit(mode: str, bias: bool) -> None:
    layer = nn.Conv2d(4, 6, (2, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2), bias=bias, padding_mode=mode)
    for n in (1, 300):  # more than are laid out together
        x = batch(n, (4, 9, 8)).float()
        g = layer(x).detach()
        a, found = rows(layer, ["weight", "bias"][: 1 + bias], x, g)
        padded = F.pad(x, (2, 2, 1, 1), mode="constant" if mode == "zeros" else mode)
        expected = F.unfold(padded, (2, 3), dilation=(1, 2), stride=(2, 1)).transpose(1, 2)
        assert torch.equal(a[..., : expected.shape[2]], expected)
        assert torch.equal(a[..., expected.shape[2] :], torch.ones(*expected.shape[:2], int(bias)))
        assert torch.equal(found, g.flatten(2).transpose(1, 2))
