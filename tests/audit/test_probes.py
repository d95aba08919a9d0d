"""Each probe on a case with a known answer, and on one where it must find nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from gsu_cli.audit.base import Audited
from gsu_cli.audit.fine_tuning import Rebound, Relearning
from gsu_cli.audit.klom import Klom, _side
from gsu_cli.audit.likeness import Likeness
from gsu_cli.audit.membership import Membership
from gsu_cli.audit.percentile import Percentile
from gsu_cli.errors import UsageError
from gsu_cli.run.record import Measurement
from memory_world import Memory, case, models, noise_split, value


def test_what_was_learned_by_heart_is_found_and_what_was_never_seen_is_not() -> None:
    found = Membership()(case(original=0, unlearned=0))
    caught, chance = value(found, "auc_loss"), value(found, "auc_loss", "retrained")
    assert caught.low is not None
    assert caught.low > 0.9
    assert chance.low is not None
    assert chance.high is not None
    assert chance.low < 0.5 < chance.high, "a model that never saw them"
    against = value(found, "auc_loss_minus_retrained")
    assert against.low is not None
    assert against.low > 0
    assert "under-forgotten" in found.sentences[0]


def test_an_unlearned_model_that_is_the_retrained_one_is_told_apart_by_nothing() -> None:
    found = Membership()(case(original=0, unlearned=1))
    assert value(found, "auc_loss_minus_retrained").value == 0
    assert "are not shown to look more or less like training images than in the retrained model" in found.sentences[0]
    ranks = Percentile()(case(original=0, unlearned=1))
    assert value(ranks, "share_of_retrained_increase").value == pytest.approx(1)
    assert "no difference from retraining is shown" in ranks.sentences[1]


def test_percentiles_say_memorised_typical_and_conspicuous() -> None:
    found = Percentile()(case(original=0, unlearned=1))
    assert value(found, "percentile", "original").value < 15  # type: ignore[operator]
    fair = value(found, "percentile", "retrained")
    assert fair.low is not None
    assert fair.high is not None
    assert fair.low < 50 < fair.high
    one = noise_split()
    assert value(found, "percentile").n == one.n_forget


def test_over_forgetting_is_no_success() -> None:
    """The loss of forgotten images doubled: beyond all unseen ones, and the attack fails in the other direction."""
    known = case(original=0, unlearned=1)
    known.losses(known.models["retrained"], "unseen")
    raised = 2 * known.losses(known.models["retrained"], "forgotten").abs() + 1e3
    known.models["unlearned"].__dict__["sha256"] = "over"
    known._losses["over", "forgotten"] = raised
    known._losses["over", "unseen"] = known.losses(known.models["retrained"], "unseen")
    ranks, attack = Percentile()(known), Membership()(known)
    assert value(ranks, "percentile").value == 100
    assert "over-forgotten" in ranks.sentences[1]
    assert value(attack, "auc_loss").value == 0
    assert "over-forgotten" in attack.sentences[0]


def test_weights_that_were_made_of_other_data_have_no_unseen_images() -> None:
    """No percentile and no attack, each with the reason; the rise against retraining's needs none of them."""
    reason = "needs images that the original was not trained on"
    known = case(original=0, unlearned=1)
    known = replace(known, split=replace(known.split, trained_elsewhere=reason))
    ranks, attack = Percentile()(known), Membership()(known)
    assert {m.reason for m in ranks.measurements if m.name == "percentile"} == {reason}
    assert value(ranks, "share_of_retrained_increase").value == pytest.approx(1)
    assert [m for m in attack.measurements if m.value is not None] == []
    assert value(attack, "auc_loss").reason == reason
    assert not attack.sentences
    assert "unseen" not in " ".join(ranks.sentences)


def test_references_make_the_likelihood_attack() -> None:
    found = Membership()(case(original=0, unlearned=0, references=[1, 2]))
    assert value(found, "auc_likelihood").value > 0.9  # type: ignore[operator]
    few = Membership()(case(original=0, unlearned=0, references=[2]))
    reason = "needs at least 2 references beside the retrained model, found 1: raise references"
    assert value(few, "auc_likelihood").reason == reason
    assert value(few, "auc_calibrated", "retrained").value is not None


def test_another_seed_of_retraining_is_one_floor_away_and_the_original_many() -> None:
    """The unlearned model is a retrained one of its own seed; then it is the original, which forgot nothing."""
    own = Memory(noise_split().retain_images.floats(), seed=9, blur=0.02)
    known = case(original=0, unlearned=0, retrained=2, references=[3, 4])
    known.models["unlearned"].__dict__.update(model=own, sha256="sha own")
    found = Klom()(known)
    for part in ("forgotten", "unseen_retained", "retained"):
        ratio = value(found, f"floors_{part}").value
        assert ratio is not None
        assert 0.3 < ratio < 3
    same = Klom()(case(original=0, unlearned=0, retrained=2, references=[3, 4]))
    far, shift = value(same, "floors_forgotten"), value(same, "loss_shift_forgotten")
    assert far.low is not None
    assert far.low > 10
    assert shift.high is not None
    assert shift.high < 0, "it still knows them"
    assert "below" in same.sentences[0]
    assert f"floors ({far.low:.1f} to {far.high:.1f})" in same.sentences[0]
    assert (
        "The interval of floors is over images alone; of 3 retrained models each is 0.8 to 1.2 floors"
        in same.sentences[0]
    )
    few = Klom()(case(original=0, unlearned=0, references=[2])).measurements[0]
    assert few.reason == "needs 3 retrained models, found 2: references=3"


def test_retraining_without_chance_has_no_floor() -> None:
    """A closed form: every seed gives the same model. That the unlearned one is another is said all the same."""
    found = Klom()(case(original=0, unlearned=0, retrained=1, references=[1, 1]))
    for name in ("klom", "floors"):
        assert value(found, f"{name}_forgotten").reason == "retraining with other seeds gives the same losses"
    shift = value(found, "loss_shift_forgotten")
    assert shift.high is not None
    assert shift.high < 0
    assert "below it in the mean, has no floor" in found.sentences[0]


def test_a_model_lies_at_no_distance_from_itself_and_the_original_farther_than_another_seed() -> None:
    found = Likeness(samples=200)(case(original=0, unlearned=1, references=[2]))
    assert value(found, "gap_to_retrained").value == 0
    other, far = value(found, "gap_to_retrained", "retrained 2"), value(found, "gap_to_retrained", "original")
    assert other.value is not None
    assert far.value is not None
    assert 0 < other.value < far.value
    assert found.sentences == [
        f"Samples lie 0 (0 to 0) squared distance from the retrained model's, {far.value:.4g} ({far.low:.4g} to "
        f"{far.high:.4g}) before; those of another retrained model lie {other.value:.4g} ({other.low:.4g} to "
        f"{other.high:.4g}) away, the floor. The step brought them {far.value:.4g} ({far.low:.4g} to {far.high:.4g}) "
        "squared distance closer."
    ]
    more = Likeness(samples=200)(case(original=0, unlearned=1, references=[2, 3])).sentences[0]
    assert "those of 2 others lie" in more
    assert Likeness()(case(0, 1, retrained=None)).measurements[0].reason == "there is no retrained model"


def test_given_back_images_are_learned_again_and_retained_ones_bring_nothing_back() -> None:
    options: dict[str, Any] = {"at": [20, 150], "samples": 20, "lr": 3e-3, "batch": 60}
    relearned, rebound = Relearning(given=30, **options)(case(0, 1)), Rebound(**options)(case(0, 1))
    before, after = (value(relearned, f"relearning_loss_after_{k}").value for k in (0, 150))
    assert after < 0.9 * before  # type: ignore[operator]
    before, after = (value(rebound, f"rebound_loss_after_{k}").value for k in (0, 150))
    assert after > 0.9 * before  # type: ignore[operator]
    (curve,) = relearned.curves
    assert [step for step, *_ in curve.points["unlearned"]] == [0, 20, 150]
    assert curve.points["unlearned"] == curve.points["retrained"], "one model under two names, one noise"


def test_probes_leave_the_models_as_they_were() -> None:
    before = {k: v.clone() for k, v in models()[1].state_dict().items()}
    Relearning(at=[5], samples=10)(case(0, 1))
    after = models()[1].state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"at": []}, "`audit.rebound.at` must be a list of integers, at least one"),
        ({"at": [5, 5]}, "`audit.rebound.at` must ascend"),
        ({"at": [0]}, "must be an integer >= 1"),
        ({"lr": 0}, "`audit.rebound.lr` must be a finite number > 0"),
        ({"samples": 1}, "`audit.rebound.samples` must be an integer >= 2"),
        ({"batch": True}, "`audit.rebound.batch` must be an integer >= 2"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=r"audit\.rebound") as e:
        Rebound(**options)
    assert rule in str(e.value)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.3, "0.2 (0.1 to 0.3) nats above it in the mean"),
        (-0.3, -0.1, "0.2 (0.1 to 0.3) nats below it in the mean"),
        (-0.1, 0.5, "no shift of the mean shown"),
    ],
)
def test_a_shift_has_a_side_where_its_interval_has(low: float, high: float, said: str) -> None:
    assert said in _side(Measurement("loss_shift", "unlearned", (low + high) / 2, low, high, 9, "nats"))


def test_a_held_out_image_that_training_met_is_not_unseen() -> None:
    """Of 100 held-out images 95 are training images: nothing is ranked among them, and the rise still has a goal."""
    audited = case(original=0, unlearned=1)
    split = audited.split
    train = split.dataset.train
    heldout = replace(
        split.dataset.heldout,
        pixels=torch.cat([train.pixels.repeat(2, 1, 1, 1)[:95], split.dataset.heldout.pixels[95:]]),
    )
    audited = replace(audited, split=replace(split, dataset=replace(split.dataset, heldout=heldout)), _images={})
    assert len(audited.images("unseen")) == len(audited.images("unseen_retained")) == 5
    found = Percentile()(audited)
    assert value(found, "percentile", "unlearned").value is None
    assert "needs 10 held-out images of the forgotten kind that equal no training image, found 5" in str(
        value(found, "percentile", "unlearned").reason
    )
    assert value(found, "share_of_retrained_increase", "unlearned").value == pytest.approx(1)
    assert found.sentences[0].startswith("The loss of the forgotten images rose 1.00")
    assert value(Membership()(audited), "auc_loss", "unlearned").value is None


def test_how_far_each_percentile_lies_from_its_mean_over_the_retrained_models() -> None:
    known = case(original=0, unlearned=1)
    found = Percentile()(known)
    name = "percentile_from_retrained"
    assert value(found, name).value == 0, "it is the retrained one"
    assert value(found, name, "original").value > 20  # type: ignore[operator]
    known.references.append(Audited("retrained 2", known.models["original"].model, "by heart"))
    twice = Percentile()(known)
    whole = value(found, name, "original").value
    assert value(twice, name, "original").value == pytest.approx(whole / 2)  # type: ignore[operator]
    assert value(twice, name).value == pytest.approx(whole / 2)  # type: ignore[operator]
    assert "points from retraining" in twice.sentences[-1]
    assert not [m for m in found.measurements if (m.name, m.subject) == (name, "retrained")]
    assert value(twice, name, "retrained").value == pytest.approx(whole), "each of the two from the other"
    assert f"before; a retrained model is {whole:.1f} from the others." in twice.sentences[-1]
