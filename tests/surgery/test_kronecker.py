from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gsu_cli.errors import UsageError
from gsu_cli.surgery.kfac import KroneckerBuilder
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import dot, flatten, norm, unflatten

from . import _asserts, _fisher
from .test_kfac import batch, conv_net, mlp

NETS = {
    "mlp": (mlp(), (3,)),
    "conv": (conv_net(), (2, 8, 8)),
    "bn": (nn.Sequential(mlp(), nn.BatchNorm1d(2)).double().eval(), (3,)),
}


def sample(name: str, n: int = 15) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    net, shape = NETS[name]
    x = batch(n, shape)
    return net, x, batch(n, tuple(net(x).shape[1:]), 2)


def like(net: nn.Module, seed: int = 3) -> dict[str, torch.Tensor]:
    p = {k: p.detach() for k, p in net.named_parameters()}
    return unflatten(batch(1, (sum(x.numel() for x in p.values()),), seed)[0], p)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("build", [_fisher.kfac, _fisher.ekfac])
@pytest.mark.parametrize("damping", [1e-3, 0.1, 10.0])
def test_the_inverse_solves_the_dense_system(name, build, damping):
    net, x, r = sample(name)
    fisher = build(net, x, r)
    F = _fisher.dense(fisher.apply, net)
    v = like(net)
    absolute = fisher.inverse(damping, relative=False).apply(v)
    eye = torch.eye(len(F), dtype=torch.float64)
    torch.testing.assert_close(flatten(absolute), torch.linalg.solve(F + damping * eye, flatten(v)))
    mean = float(F.trace()) / len(F)
    relative = fisher.inverse(damping).apply(v)
    torch.testing.assert_close(flatten(relative), torch.linalg.solve(F + damping * mean * eye, flatten(v)))


def test_layer_damping_uses_each_layers_own_mean():
    net, x, r = sample("mlp")
    fisher = _fisher.kfac(net, x, r)
    v = like(net)
    found = flatten(fisher.inverse(0.5, damping_scope="layer").apply(v))
    F, n = _fisher.dense(fisher.apply, net), 16
    for part in (slice(0, n), slice(n, None)):
        block = F[part, part]
        shift = 0.5 * block.diagonal().mean() * torch.eye(len(block), dtype=torch.float64)
        torch.testing.assert_close(found[part], torch.linalg.solve(block + shift, flatten(v)[part]))


@pytest.mark.parametrize("name", NETS)
def test_relative_damping_does_not_see_the_scale_of_the_loss(name):
    net, x, r = sample(name)
    a, b = (flatten(_fisher.kfac(net, x, r * t).inverse(0.1).apply(like(net))) for t in (1.0, 7.0))
    torch.testing.assert_close(a, 49 * b)


@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_ekfac_is_at_least_as_near_to_the_fisher_as_kfac(name):
    net, x, r = sample(name, n=30)
    exact = _fisher.exact_fisher(net, x, r)
    k, ek = (_fisher.dense(build(net, x, r).apply, net) for build in (_fisher.kfac, _fisher.ekfac))
    start = 0
    for _, m in net.named_children():  # block by block: what lies between layers is outside both
        size = sum(p.numel() for p in m.parameters())
        part = slice(start, start + size)
        if size:
            errors = [float((F[part, part] - exact[part, part]).norm()) for F in (ek, k)]
            assert errors[0] < errors[1]
        start += size


@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_ekfac_eigenvalues_are_the_diagonal_of_the_fisher_in_its_basis(name):
    net, x, r = sample(name)
    fisher = _fisher.ekfac(net, x, r)
    exact = _fisher.exact_fisher(net, x, r)
    names = [k for k, _ in net.named_parameters()]
    template = {k: p.detach() for k, p in net.named_parameters()}
    for layer in fisher.layers:
        for i, j in [(0, 0), (1, -1), (-1, 2)]:
            axis = layer.scope.unpack(torch.outer(layer.U_G[:, i], layer.U_A[:, j]), template)
            e = torch.cat([axis.get(k, torch.zeros_like(template[k])).reshape(-1) for k in names])
            torch.testing.assert_close(layer.eigenvalues[i, j], e @ exact @ e)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(1, 500), st.sampled_from(list(NETS)), st.sampled_from([1e-2, 1.0]))
def test_it_is_a_geometry_for_surgery(seed, name, damping):
    net, x, r = sample(name)
    P = _fisher.ekfac(net, x, r).inverse(damping)
    u, v = like(net, seed), like(net, seed + 1)
    assert dot(u, P.apply(v)) == pytest.approx(dot(v, P.apply(u)), rel=1e-9, abs=1e-9)  # symmetric
    assert dot(v, P.apply(v)) > 0  # positive
    d = project_out(u, [v], P).direction
    _asserts.assert_orthogonal_to_retain(d, [v], norm(P.apply(u)), 1e-9)
    _asserts.assert_never_longer(u, [v], P)


def test_float32_weights_get_float32_directions_of_full_accuracy():
    net, x, r = sample("mlp")
    P = _fisher.kfac(net, x, r).inverse(1e-3)
    v = like(net)
    single = P.apply({k: t.float() for k, t in v.items()})
    assert all(t.dtype == torch.float32 for t in single.values())
    _asserts.assert_close(single, P.apply(v), 1e-6)


@pytest.mark.parametrize("damping", [0.0, -1.0, float("nan"), float("inf")])
def test_damping_that_is_none_is_refused(damping):
    net, x, r = sample("mlp")
    with pytest.raises(UsageError, match="`damping`"):
        _fisher.kfac(net, x, r).inverse(damping)


def test_a_zero_fisher_and_foreign_vectors_are_refused():
    net, x, r = sample("mlp")
    zero = _fisher.kfac(net, x, 0 * r)
    with pytest.raises(UsageError, match="not zero"):
        zero.inverse(0.1)
    v = like(net)
    _asserts.assert_close(zero.inverse(0.5, relative=False).apply(v), {k: 2 * t for k, t in v.items()})
    with pytest.raises(ValueError, match="differ in parameters"):
        zero.apply({"other": torch.ones(1)})


def test_a_layer_that_nothing_depends_on_does_not_move() -> None:
    """Its Fisher and its gradient are rounding errors; relative damping by itself would blow up their quotient."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    builder = KroneckerBuilder(network)
    builder.accumulate(torch.randn(50, 3), torch.randn_like)
    fisher = builder.finish()
    dead = replace(fisher.layers[0], eigenvalues=1e-15 * fisher.layers[0].eigenvalues)
    fisher = replace(fisher, layers=(dead, fisher.layers[1]))
    v = {k: torch.randn_like(p.detach()) * (1e-8 if k.startswith("0") else 1.0) for k, p in network.named_parameters()}
    d = fisher.inverse(0.1, damping_scope="layer").apply(v)
    assert norm({k: d[k] for k in d if k.startswith("0")}) < 0.3 * norm({k: d[k] for k in d if k.startswith("1")})


@pytest.mark.parametrize("name", NETS)
def test_vectors_whose_rotation_is_known_give_the_same_bits(name: str) -> None:
    net, x, g = sample(name)
    fisher, (v, other) = _fisher.kfac(net, x, g), (like(net), like(net, 4))
    for damping in (0.1, 10.0):
        plain = fisher.inverse(damping)
        knowing = plain.knowing(((v, fisher.rotated(v)),))
        for vector in (v, other, dict(v)):
            found, expected = knowing.apply(vector), plain.apply(vector)
            assert all(torch.equal(found[k], expected[k]) for k in expected)
    wrong = plain.knowing(((v, fisher.rotated(other)),))
    assert not torch.equal(flatten(wrong.apply(v)), flatten(plain.apply(v))), "what is known is what is used"
