"""What every method must do on the tiny world, whatever its theory."""

from __future__ import annotations

import math

import torch

import tiny_world
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


def run(method, model=None, seed=0, *, diagnostics=False, **more):
    """Unlearns; what every record says of an update is asked for where a test looks at it."""
    generator = torch.Generator().manual_seed(seed)
    more = {"generator": generator, "diagnostics": diagnostics, **more}
    return unlearn(model or tiny_world.trained(), tiny_world.split(), method, **more)


def assert_smoke(method, *, still: str | None = None):
    """Finite, moved, original untouched, the same twice to the bit; parameters that start with ``still`` stay."""
    model = tiny_world.trained()
    before = weights(model)
    (one, update), (two, _) = run(method, model), run(method, model)
    assert same(weights(model), before)
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(run(method, model, seed=1)[0]))
    assert update.step_norm is not None
    assert update.step_norm > 0
    assert update.details["cost"]["gradient_evaluations_per_image"] > 0
    assert all(math.isfinite(v) for v in update.realised.values())
    moved = {k for k, v in weights(one).items() if not torch.equal(v, before[k])}
    assert any(k.startswith("decoder.") for k in moved)
    if still is not None:
        assert not [k for k in moved if k.startswith(still)]
    return one, update
