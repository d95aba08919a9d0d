"""Audits of planted canaries: a generator that knows them by heart, and one that never saw them."""

from __future__ import annotations

import torch

from gsu_cli.audit.base import Audited, Case, Result
from gsu_cli.audit.membership import Membership
from gsu_cli.audit.percentile import Percentile
from gsu_cli.data.canaries import Planting
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.evaluation.context import EvaluationContext
from memory_world import Memory, noise_split, value


def audit(probe: Percentile | Membership) -> Result:
    """The original knows all; what was made of it and what was retrained never saw the canaries."""
    data = Planting(12, 3).into(noise_split().dataset)
    split = ForgetSpec.from_values(canary="all").resolve(data, generator=torch.Generator())
    knows, never = Memory(data.train.floats()), Memory(split.retain_images.floats())
    models = {
        "original": Audited("original", knows, "sha 0"),
        "unlearned": Audited("unlearned", never, "sha 1"),
        "retrained": Audited("retrained", never, "sha 1"),
    }
    return probe(Case(split, models, [], EvaluationContext(split, {}, {}, seed=0), repeats=2))


def test_an_overfitted_model_gives_canaries_away() -> None:
    found = audit(Membership())
    known = value(found, "auc_loss", "original")
    assert (known.value, known.n) == (1.0, 112), "once each, not once a copy"
    assert value(found, "tpr_at_1_percent_loss", "original").value == 1


def test_a_model_that_never_saw_them_does_not() -> None:
    """The negative control: canaries that were planted elsewhere are as good as those that never were."""
    unseen = value(audit(Membership()), "auc_loss", "unlearned")
    assert unseen.low is not None
    assert unseen.high is not None
    assert unseen.low < 0.5 < unseen.high


def test_percentiles_are_among_canaries() -> None:
    found = audit(Percentile())
    assert value(found, "percentile", "original").value == 0
    assert 25 < (value(found, "percentile").value or 0) < 75
    assert "percentile 0" not in found.sentences[0]
    assert "of canaries that were never planted by loss, 0 before" in found.sentences[0]
