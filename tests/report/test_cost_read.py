"""Costs whose number alone misleads: of a model that was still improving, and of a budget measured on few images."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.report.test_verdict import elbo, made

from gsu_cli.report.cost_read import UNFINISHED
from gsu_cli.report.headline import headline
from gsu_cli.report.summary import sentences


@pytest.mark.parametrize(
    ("cost", "method", "retrained", "said"),
    [
        (-0.209, "fisher_surgery", None, True),
        (-0.209, "fisher_surgery", -0.3, False),  # fewer kinds of images are easier
        (-0.209, "retrain", None, False),
        (-0.005, "fisher_surgery", None, False),
        (0.009, "fisher_surgery", None, False),
    ],
)
def test_a_cost_that_fell_says_that_training_was_not_finished(cost, method, retrained, said):
    reference = () if retrained is None else (elbo("retrained", 70.0, (retrained - 0.01, retrained + 0.01)),)
    record = replace(made(cost=cost, more=reference), update={"method": method})
    assert headline(record).endswith(f"retain loss{UNFINISHED}.") == said


@pytest.mark.parametrize(("cost", "spent", "said"), [(0.112, 0.0099, 1), (0.009, 0.0099, 0), (0.112, 0.05, 0)])
def test_a_budget_that_held_on_its_own_images_alone_says_so(cost, spent, said):
    record = made(cost=cost)
    record.update["details"] = {"budget": 0.01, "budget_spent": spent, "images": {"budget": 180}}
    found = [line for line in sentences(record) if "the budget of 1% held on the 180 retained training images" in line]
    assert len(found) == said
