from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gsu_cli.surgery.conflict import project_conflicts, raises_retain
from gsu_cli.surgery.geometry import Euclidean
from gsu_cli.surgery.projection import project_out
from gsu_cli.surgery.vectors import dot, flatten, norm, scale
from later import Later

from . import _asserts, _samplers

optimize = Later("scipy.optimize")

theorem = settings(max_examples=40, deadline=None, derandomize=True)


def test_free_gain_is_kept_whole():
    g_f = _samplers.vector(1)
    G_r = [scale(g_f, -1.0)]
    p = project_conflicts(g_f, G_r)
    assert not raises_retain(g_f, G_r)
    _asserts.assert_close(p.direction, g_f, 0.0)
    assert p.surviving == 1.0


def test_a_conflict_is_projected_as_by_surgery():
    g_f = _samplers.vector(1)
    G_r = [{k: x + 1.0 for k, x in g_f.items()}]
    assert raises_retain(g_f, G_r)
    _asserts.assert_close(project_conflicts(g_f, G_r).direction, project_out(g_f, G_r).direction, 1e-12)


@theorem
@given(st.integers(1, 1000), st.integers(1, 6))
def test_no_retain_loss_rises_and_the_step_is_at_least_surgery(seed, k):
    g_f, G_r = _samplers.vector(seed), _samplers.independent(k, seed)
    geometry = _samplers.Dense(_samplers.spd(seed))
    p = project_conflicts(g_f, G_r, geometry)
    size = norm(geometry.apply(g_f))
    assert all(dot(g, p.direction) <= 1e-9 * norm(g) * size for g in G_r)
    assert bool((p.coefficients >= 0).all())
    # fewer constraints than equality: more of the forget gradient survives
    assert p.surviving >= project_out(g_f, G_r, geometry).surviving - 1e-12


@theorem
@given(st.integers(1, 1000), st.integers(1, 6))
def test_it_equals_nonnegative_least_squares(seed, k):
    g_f, G_r = _samplers.vector(seed), _samplers.independent(k, seed)
    G = torch.stack([flatten(g) for g in G_r], 1)
    c, _ = optimize.nnls(G.numpy(), flatten(g_f).numpy())
    found = project_conflicts(g_f, G_r, Euclidean()).coefficients
    torch.testing.assert_close(found, torch.from_numpy(c), rtol=1e-8, atol=1e-9)


def test_dependent_retain_gradients_do_no_harm():
    g_f, G_r = _samplers.vector(3), _samplers.rank_deficient(5, 2, 3)
    d = project_conflicts(g_f, G_r).direction
    assert all(dot(g, d) <= 1e-6 * norm(g) * norm(g_f) for g in G_r)
    with pytest.raises(ValueError, match="different parameters"):
        raises_retain({"other": torch.ones(1)}, G_r)
