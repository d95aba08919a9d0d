"""What one retrained model does not say is not said: another seed of retraining may lie as far."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import pytest
import torch

from gsu_cli.audit.attack import Auc
from gsu_cli.audit.base import Case
from gsu_cli.audit.membership import Membership
from gsu_cli.audit.other_seeds import beside, half_of_another, minus_retrained
from gsu_cli.audit.percentile import Percentile
from gsu_cli.report.audit_titles import row_words
from memory_world import case, value

ALONE = "beside this one retrained model; references=3 tells of other seeds"
NOTHING = ", nor would one be had the loss not risen at all"
NOISE = torch.randn(30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def risen(unlearned: float, retrained: Sequence[float]) -> Case:
    """The loss of each forgotten image, 10 before, rises by so much and by some noise of the images."""
    known = case(original=0, unlearned=1, retrained=2, references=[3, 4][: len(retrained) - 1])
    models = [known.models["unlearned"], known.models["retrained"], *known.references]
    known._losses[known.models["original"].sha256, "forgotten"] = 10 + 0 * NOISE
    for model, rise in zip(models, (unlearned, *retrained), strict=True):
        known._losses[model.sha256, "forgotten"] = 10 + rise + 0.05 * NOISE * rise
    return known


@pytest.mark.parametrize(
    ("unlearned", "retrained", "said"),
    [
        (1.3, [1.0], f"over-forgotten {ALONE}"),
        (0.7, [1.0], f"under-forgotten {ALONE}"),
        (1.0, [1.0], "no difference from retraining is shown"),
        (1.3, [1.0, 0.8, 1.2], "no difference from retraining is shown; one of 1.42 would be seen four times in five"),
        (0.6, [1.0, 0.8, 1.2], "no difference from retraining is shown; one of 1.42 would be seen four times in five"),
        (0.6, [1.0, 0.7, 1.3], f"no difference from retraining is shown{NOTHING}"),
        (0.0, [1.0, 0.7, 1.3], f"no difference from retraining is shown{NOTHING}"),
        (1.3, [1.0, 0.99, 1.01], "over-forgotten"),
        (0.7, [1.0, 0.99, 1.01], "under-forgotten"),
    ],
)
def test_a_rise_is_beyond_retraining_where_it_is_beyond_its_seeds(
    unlearned: float, retrained: list[float], said: str
) -> None:
    found = Percentile()(risen(unlearned, retrained))
    row = value(found, "share_of_retrained_increase")
    assert row.value == pytest.approx(unlearned / statistics.fmean(retrained))
    assert found.sentences[1].endswith(f"as much as retraining raises it: {said}.")
    assert row.high is not None
    assert row.high - (row.value or 0) >= 0.999 * half_of_another(retrained) / statistics.fmean(retrained)


def test_an_attack_is_compared_with_the_mean_of_all_retrained_models() -> None:
    known = case(original=0, unlearned=0, retrained=2, references=[3, 4])
    found = Membership()(known)
    aucs = [
        Auc.of(-known.losses(r, "forgotten"), -known.losses(r, "unseen")).value
        for r in (known.models["retrained"], *known.references)
    ]
    row = value(found, "auc_loss_minus_retrained")
    assert row.value == pytest.approx((value(found, "auc_loss").value or 0) - statistics.fmean(aucs))
    assert "(under-forgotten): AUC" in found.sentences[0]
    three = f"retrained {statistics.fmean(aucs):.3f} in the mean of 3 models, difference {row.value:.3f} ("
    assert three in found.sentences[0], "the AUC of the first stood there, which nobody can subtract"
    alone = Membership()(case(original=0, unlearned=0, retrained=2))
    assert f"(under-forgotten {ALONE})" in alone.sentences[0]
    mean = value(found, "auc_loss_mean_retrained", "retrained")
    assert mean.value == pytest.approx(statistics.fmean(aucs)), "the table has what the difference is taken from"
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low <= mean.value - half_of_another(aucs) < mean.value + half_of_another(aucs) <= mean.high + 1e-9
    assert row_words(mean.name) == "AUC, mean of retrained models (loss)"
    assert not [m for m in alone.measurements if m.name.endswith("mean_retrained")]


def test_the_table_has_the_loss_against_which_the_rise_is() -> None:
    found = Percentile()(risen(1.3, [1.0, 0.8, 1.2]))
    before, after, mean = (
        value(found, name, who).value or 0
        for name, who in (
            ("forgotten_loss", "original"), ("forgotten_loss", "unlearned"),
            ("forgotten_loss_mean_retrained", "retrained"),
        )
    )  # fmt: skip
    assert (after - before) / (mean - before) == pytest.approx(value(found, "share_of_retrained_increase").value)


def test_the_seeds_of_retraining_are_in_the_interval_of_a_difference() -> None:
    own, one, other = (Auc.of(shift + NOISE, NOISE.flip(0)) for shift in (0.9, 0.2, -0.4))
    alone, both = minus_retrained(own, [one]), minus_retrained(own, [one, other])
    assert alone == own.minus(one)
    assert both is not None
    assert both[1] == -1, "of two models Student's quantile is 12.7"
    assert minus_retrained(own, []) is None
    assert beside(2) == ""


def test_another_seed_lies_within_in_95_of_100() -> None:
    rng = torch.Generator().manual_seed(0)
    for n in (2, 4, 9):
        draws = torch.randn(4_000, n + 1, generator=rng, dtype=torch.float64)
        rows = draws.tolist()
        held = sum(abs(row[0] - statistics.fmean(row[1:])) <= half_of_another(row[1:]) for row in rows)
        assert abs(held / len(rows) - 0.95) < 0.012
