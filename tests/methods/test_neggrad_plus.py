from __future__ import annotations

import pytest
import torch

from gsu_cli.errors import UsageError
from gsu_cli.methods.neggrad_plus import NegGradPlus
from method_runs import assert_smoke, run


def test_smoke():
    assert_smoke(NegGradPlus(steps=6), still="encoder.")


def test_the_direction_is_the_weighted_difference():
    g_f, g_r = {"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([0.0, 2.0])}
    torch.testing.assert_close(NegGradPlus(alpha=0.75).direction(g_f, g_r)["w"], torch.tensor([-0.25, 1.5]))


def test_alpha_decides_which_loss_wins():
    options = {"steps": 20, "lr": 1e-3, "optimiser": "sgd"}
    forget = [run(NegGradPlus(alpha=a, **options))[1].realised["forget"] for a in (0.0, 0.5, 1.0)]
    assert forget[0] > forget[1] > forget[2]
    assert forget[0] > 0


def test_alpha_is_a_share():
    with pytest.raises(UsageError, match=r"method\.alpha"):
        NegGradPlus(alpha=1.5)
