from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gsu_cli.surgery.geometry import Euclidean
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import flatten, norm, scale, zeros_like

from . import _asserts, _samplers

seeds = st.integers(1, 10_000)
retain = st.one_of(
    st.builds(_samplers.independent, st.integers(1, 6), seeds),
    st.builds(_samplers.rank_deficient, st.integers(3, 6), st.integers(1, 2), seeds),
    st.builds(_samplers.with_zero, st.integers(0, 3), seeds),
)
geometries = st.one_of(st.just(Euclidean()), st.builds(lambda s: _samplers.Dense(_samplers.spd(s)), seeds))
theorem = settings(max_examples=60, deadline=None, derandomize=True)


@theorem
@given(seeds, retain, geometries)
def test_the_direction_is_orthogonal_to_every_retain_gradient(seed, G_r, geometry):
    g_f = _samplers.vector(seed)
    d = project_out(g_f, G_r, geometry).direction
    _asserts.assert_orthogonal_to_retain(d, G_r, norm(geometry.apply(g_f)), 1e-9)


def test_plain_ascent_is_not_orthogonal():
    g_f, G_r = _samplers.vector(1), _samplers.independent(2, 3)
    with pytest.raises(AssertionError):
        _asserts.assert_orthogonal_to_retain(g_f, G_r, norm(g_f), 1e-9)


def test_projecting_in_another_geometry_than_the_step_is_not_orthogonal():
    g_f, G_r = _samplers.vector(1), _samplers.independent(2, 3)
    stepped = _samplers.Dense(_samplers.spd(4)).apply(project_out(g_f, G_r).direction)
    with pytest.raises(AssertionError):
        _asserts.assert_orthogonal_to_retain(stepped, G_r, norm(g_f), 1e-9)


@theorem
@given(seeds, retain, geometries)
def test_projecting_twice_is_projecting_once(seed, G_r, geometry):
    _asserts.assert_idempotent(_samplers.vector(seed), G_r, geometry)


@theorem
@given(seeds, retain, geometries)
def test_surgery_never_lengthens(seed, G_r, geometry):
    _asserts.assert_never_longer(_samplers.vector(seed), G_r, geometry)


@theorem
@given(seeds, retain, geometries)
def test_the_order_of_retain_gradients_does_not_matter(seed, G_r, geometry):
    _asserts.assert_invariant_to_retain_order(_samplers.vector(seed), G_r, geometry)


@theorem
@given(seeds, retain, geometries, st.lists(st.sampled_from([-1e6, -2.0, 1e-6, 0.5, 3.0]), min_size=6, max_size=6))
def test_the_scale_of_retain_gradients_does_not_matter(seed, G_r, geometry, factors):
    _asserts.assert_invariant_to_retain_scale(_samplers.vector(seed), G_r, geometry, factors[: len(G_r)])


@theorem
@given(seeds, retain)
def test_a_forget_gradient_inside_the_retain_span_vanishes_exactly(seed, G_r):
    p = project_out(_samplers.inside_span(G_r, seed), G_r)
    assert p.surviving == 0.0
    assert norm(p.direction) == 0.0


@theorem
@given(seeds, st.integers(1, 5), geometries)
def test_it_equals_the_dense_reference(seed, k, geometry):
    g_f, G_r = _samplers.vector(seed), _samplers.independent(k, seed)
    P = geometry.P if isinstance(geometry, _samplers.Dense) else torch.eye(_samplers.SIZE, dtype=torch.float64)
    d = project_out(g_f, G_r, geometry).direction
    torch.testing.assert_close(flatten(d), _asserts.naive_projection(g_f, G_r, P), rtol=1e-9, atol=1e-9)


def test_float32_stays_within_float32_of_the_reference():
    g_f, G_r = _samplers.vector(1, torch.float32), [_samplers.vector(i, torch.float32) for i in (2, 3, 4)]
    reference = _asserts.naive_projection(g_f, G_r, torch.eye(_samplers.SIZE, dtype=torch.float64))
    d = flatten(project_out(g_f, G_r).direction)
    assert d.dtype == torch.float32
    torch.testing.assert_close(d.double(), reference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("k", "rank"), [(5, 2), (4, 1), (6, 3)])
def test_the_rank_of_dependent_retain_gradients_is_found(k, rank):
    assert project_out(_samplers.vector(1), _samplers.rank_deficient(k, rank, 5)).rank == rank


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_no_or_zero_retain_gradients_leave_the_forget_gradient_alone(zeros):
    g_f = _samplers.vector(1)
    p = project_out(g_f, [zeros_like(g_f)] * zeros)
    _asserts.assert_close(p.direction, g_f, 0.0)
    assert (p.surviving, p.rank) == (1.0, 0)


def test_a_zero_forget_gradient_gives_a_zero_direction():
    p = project_out(zeros_like(_samplers.vector(1)), _samplers.independent(2, 1))
    assert (norm(p.direction), p.surviving) == (0.0, 0.0)


def test_numbers_pinned_by_hand():
    # g_f = (1, 2, 3), g_r = (1, 1, 0), P = diag(1, 4, 9): g_f.P g_r = 1 + 8 = 9, g_r.P g_r = 5, c = 1.8,
    # d = P (g_f - 1.8 g_r) = (-0.8, 0.8, 27), g_f.P g_f = 1 + 16 + 81 = 98, left = 98 - 81/5 = 81.8
    P = _samplers.Dense(torch.diag(torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)))
    g_f, g_r = {"w": torch.tensor([1.0, 2.0, 3.0])}, {"w": torch.tensor([1.0, 1.0, 0.0])}
    p = project_out(g_f, [g_r], P)
    torch.testing.assert_close(p.direction["w"], torch.tensor([-0.8, 0.8, 27.0]))
    assert p.coefficients.tolist() == pytest.approx([1.8])
    assert p.surviving == pytest.approx(81.8 / 98)
    again = project_out(g_f, [g_r, scale(g_r, -3.0)], P)  # the same line twice: least norm shares it 1 to -1 in length
    assert again.coefficients.tolist() == pytest.approx([0.9, -0.3])
