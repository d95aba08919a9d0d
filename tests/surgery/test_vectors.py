from __future__ import annotations

import pytest
import torch

from gsu_cli.surgery.vectors import add_scaled, combine, dot, flatten, is_finite, norm, scale, select, unflatten

from . import _samplers


def test_dot_does_not_lose_small_terms_in_float32():
    # 2^24 + 1 is not a float32: a float32 sum would answer 16777216
    u = {"w": torch.cat([torch.tensor([2.0**12]), torch.ones(1)])}
    assert dot(u, u) == 2.0**24 + 1


def test_flatten_and_unflatten_are_inverse():
    v = _samplers.vector(1)
    assert all(torch.equal(x, v[k]) for k, x in unflatten(flatten(v), v).items())


def test_order_of_names_does_not_matter():
    u, v = _samplers.vector(1), _samplers.vector(2)
    assert dot(u, select(v, reversed(v))) == pytest.approx(dot(u, v), rel=1e-15)


def test_combine_is_repeated_add_scaled():
    u, v = _samplers.vector(1), _samplers.vector(2)
    slow = add_scaled(scale(u, 0.25), -3.0, v)
    assert norm(add_scaled(combine([0.25, -3.0], [u, v]), -1.0, slow)) < 1e-14


@pytest.mark.parametrize("call", [dot, lambda u, v: add_scaled(u, 1.0, v), lambda u, v: combine([1, 1], [u, v])])
def test_vectors_of_different_models_are_refused(call):
    with pytest.raises(ValueError, match="different parameters"):
        call({"a": torch.ones(1)}, {"b": torch.ones(1)})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_non_finite_entries_are_seen(bad):
    assert is_finite(_samplers.vector(1))
    assert not is_finite({"w": torch.tensor([0.0, bad])})
