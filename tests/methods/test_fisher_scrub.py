from __future__ import annotations

import pytest
import torch

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_scrub import FisherScrub
from method_runs import assert_smoke, run


def test_smoke():
    assert_smoke(FisherScrub(), still="encoder.")


def test_the_variance_is_alpha_over_f_up_to_the_clamp():
    F = torch.tensor([0.0, 1e-6, 0.5, 10.0])
    torch.testing.assert_close(FisherScrub(alpha=0.1, clamp=1e3).variance(F), torch.tensor([100.0, 100.0, 0.2, 0.01]))


def test_the_step_has_the_variance_it_states():
    method, model = FisherScrub(alpha=1e-6, clamp=10.0), tiny_world.trained()
    moved, update = run(method, model)
    step = torch.cat(
        [
            (b - a).detach().flatten()
            for a, b in zip(model.decoder.parameters(), moved.decoder.parameters(), strict=True)
        ]
    )
    assert float(step.std()) <= 1e-3 * 10**0.5 * 1.05  # no weight has more than alpha * clamp
    wider, _ = run(FisherScrub(alpha=4e-6, clamp=10.0), model)
    twice = torch.cat(
        [
            (b - a).detach().flatten()
            for a, b in zip(model.decoder.parameters(), wider.decoder.parameters(), strict=True)
        ]
    )
    torch.testing.assert_close(twice, 2 * step, rtol=1e-2, atol=1e-6)
    assert 0 <= update.details["clamped_share"] <= 1


def test_alpha_is_positive():
    with pytest.raises(UsageError, match=r"method\.alpha"):
        FisherScrub(alpha=-1.0)
