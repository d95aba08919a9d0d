from __future__ import annotations

import pytest
import torch

from gsu_cli.errors import UsageError
from gsu_cli.methods.siss_norm import SissNorm
from gsu_cli.surgery.vectors import add_scaled, norm
from method_runs import assert_smoke


def test_smoke():
    _, update = assert_smoke(SissNorm(steps=6))
    assert len(update.details["per_step"]["scale"]) == 6


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_the_ascent_term_keeps_its_share_whatever_the_forget_gradient(size):
    g = torch.Generator().manual_seed(0)
    g_f, g_r = {"w": size * torch.randn(50, generator=g)}, {"w": torch.randn(50, generator=g)}
    v, s = SissNorm(share=0.1).direction(g_f, g_r)
    assert norm(add_scaled(g_r, -1.0, v)) == pytest.approx(0.1 * norm(g_r), rel=1e-5)
    assert s * norm(g_f) == pytest.approx(0.1 * norm(g_r), rel=1e-6)


def test_a_vanished_forget_gradient_leaves_retain_descent():
    v, s = SissNorm().direction({"w": torch.zeros(3)}, {"w": torch.ones(3)})
    assert (v["w"].tolist(), s) == ([1.0, 1.0, 1.0], 0.0)


def test_share_is_positive():
    with pytest.raises(UsageError, match=r"method\.share"):
        SissNorm(share=0.0)
