"""Numbers and sentences of probes against what a few made-up losses give by hand."""

from __future__ import annotations

import pytest
import torch

from gsu_cli.audit.base import Case
from gsu_cli.audit.differences import detectable_difference
from gsu_cli.audit.klom import Klom
from gsu_cli.audit.likeness import Likeness
from gsu_cli.audit.membership import Membership
from gsu_cli.audit.percentile import Percentile
from gsu_cli.evaluation.heldout import paired_change
from gsu_cli.evaluation.intervals import normal
from gsu_cli.gradients import image_losses
from gsu_cli.run.seeds import derive
from memory_world import case, value

SHARE = "share_of_retrained_increase"


def told(known: Case, part: str, **losses: list[float]) -> Case:
    """The case with these losses of its models, by name."""
    everyone = {**known.models, **{a.name.replace(" ", "_"): a for a in known.references}}
    for name, values in losses.items():
        known._losses[everyone[name].sha256, part] = torch.tensor(values, dtype=torch.float64)  # type: ignore[index]
    return known


def test_a_difference_within_its_interval_has_no_side() -> None:
    """Ten members, ten others: one place in the order of a single member says nothing."""
    others = [float(k) for k in range(10)]
    known = told(case(0, 1, retrained=2), "unseen", original=others, unlearned=others, retrained=others)
    members = [k + 0.5 for k in range(10)]
    told(known, "forgotten", original=members, unlearned=[-0.5, *members[1:]], retrained=members)
    found = Membership()(known)
    against = value(found, "auc_loss_minus_retrained")
    assert against.value == pytest.approx(0.01)
    assert against.low is not None
    assert against.low < 0
    assert against.high is not None
    assert "not shown to look more or less like training images than in the retrained model" in found.sentences[0]
    least = detectable_difference(against.low, against.high)
    known = f"difference 0.010 ({against.low:.3f} to {against.high:.3f}); one of {least:.3f} would be seen four times"
    assert known in found.sentences[0]


def test_the_rise_is_a_ratio_of_means_of_the_same_images() -> None:
    """Each image by half as much again as retraining raises it: no doubt about the ratio, however images differ."""
    known = told(case(0, 1, retrained=2), "forgotten", original=[0.0] * 4, retrained=[2.0, 4.0, 6.0, 8.0])
    rise = value(Percentile()(told(known, "forgotten", unlearned=[3.0, 6.0, 9.0, 12.0])), SHARE)
    assert (rise.value, rise.low, rise.high) == pytest.approx((1.5, 1.5, 1.5), abs=1e-12)
    rise = value(
        Percentile()(told(known, "forgotten", unlearned=[4.0, 5.0, 10.0, 11.0])), "share_of_retrained_increase"
    )
    assert rise.value == 1.5
    for end in (rise.low, rise.high):  # so many times the rise may be as much, by Student's quantile at 3 degrees
        assert end is not None
        off = torch.tensor([4.0, 5.0, 10.0, 11.0]) - end * torch.tensor([2.0, 4.0, 6.0, 8.0])
        assert abs(off.mean().item()) == pytest.approx(3.182446 * off.std().item() / 2, rel=1e-5)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 29, 30, 200])
def test_intervals_of_few_images_cover_as_often_as_those_of_many(n: int) -> None:
    """A normal interval of two values covers 70 %, of five 88 %: single forgotten images are so few."""
    values = 7 + 3 * torch.randn(4000, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    ends = [normal(row) for row in values]
    covered = sum(low is not None and high is not None and low <= 7 <= high for low, high in ends) / len(ends)
    assert covered == pytest.approx(0.95, abs=0.015)
    before, after = values[0].abs() + 1, values[1].abs() + 2
    found, mean = paired_change(before, after), normal(after / after.mean() - before / before.mean())
    assert found is not None
    ratio, (low, high) = after.mean() / before.mean(), mean
    assert low is not None
    assert high is not None
    assert found[1] - found[0] == pytest.approx(float(ratio) * (high - low))


def test_the_spread_of_retraining_is_that_of_an_image_and_not_between_images() -> None:
    """Two images, far apart; three retrained models give each a variance of 1: the floor is (1 + 1/2) / 2."""
    known = case(0, 1, retrained=2, references=[3, 4])
    told(known, "forgotten", retrained=[9.0, 99.0], retrained_3=[10.0, 100.0], retrained_4=[11.0, 101.0])
    found = Klom()(told(known, "forgotten", unlearned=[12.0, 102.0]))
    floor, far, ratio = (value(found, f"{name}_forgotten") for name in ("klom_floor", "klom", "floors"))
    assert floor.value == pytest.approx(0.75)
    assert (floor.low, floor.high) == (None, None), "one number by its definition"
    assert far.value == pytest.approx(0.75 * (ratio.value or 0.0))
    assert far.low == (ratio.low if ratio.low is None else pytest.approx(0.75 * ratio.low))
    # means of the others: 10.5, 10, 9.5, so distances 1.5, 2, 2.5
    assert value(found, "klom_forgotten").value == pytest.approx((2.25 + 4 + 6.25) / 6)
    shift = value(found, "loss_shift_forgotten")
    half = 4.302653 * (4 / 3) ** 0.5  # both images shift alike, so only another seed of retraining can be the reason
    assert (shift.value, shift.low, shift.high) == (2, pytest.approx(2 - half), pytest.approx(2 + half))
    assert "with no shift of the mean shown" in found.sentences[0], "it was said to lie above"
    (curve,) = (c for c in found.curves if c.name == "standing_forgotten")
    middle = {model: points[9][1] for model, points in curve.points.items()}
    assert middle == pytest.approx({"unlearned": 2, "floor": 0}), "1.5, 2 and 2.5 spreads above, and -1.5, 0 and 1.5"


def test_the_gap_is_that_of_both_models() -> None:
    """Each one's loss of the other's samples, in excess of its loss of its own."""
    known = case(3, 3, retrained=2)
    a, b = known.models["original"].model, known.models["retrained"].model
    own, others = known.samples(a, 50), known.samples(b, 50)
    loss = {
        (m, s): known.losses_of(x, y, "likeness")
        for m, x in (("a", a), ("b", b))
        for s, y in (("a", own), ("b", others))
    }
    wanted = (loss["b", "a"] - loss["b", "b"] + loss["a", "b"] - loss["a", "a"]).mean().item()
    assert loss["a", "b"].mean() != pytest.approx(loss["a", "a"].mean().item())
    assert value(Likeness(samples=50)(known), "gap_to_retrained").value == pytest.approx(wanted)


def test_a_loss_is_the_mean_over_repeats_of_noise() -> None:
    known = case(0, 1)
    model, images = known.models["original"].model, known.images("unseen")
    seeds = [derive(known.seed, "audit", "losses", "unseen", k) for k in range(known.repeats)]
    each = torch.stack([image_losses(model, images, seed=s).double() for s in seeds])
    assert not torch.equal(each[0], each[1])
    assert torch.equal(known.losses(known.models["original"], "unseen"), each.mean(0))


def test_of_one_image_the_reason_is_that_it_is_one() -> None:
    """No interval is no finding: `klom` said nothing, and the rise that retraining raises no loss."""
    known = case(0, 1, retrained=2, references=[3, 4])
    known._images["forgotten"] = known.images("forgotten")[torch.tensor([0])]
    found = Klom()(known)
    assert value(found, "klom_forgotten").reason == "needs 2 images, found 1"
    assert value(found, "klom_retained").value is not None
    ranks = Percentile()(known)
    assert value(ranks, SHARE).reason == "an interval needs 2 forgotten images, found 1"
    several = Percentile()(told(case(0, 1, retrained=0), "forgotten", original=[1.0, 2.0], unlearned=[3.0, 4.0]))
    assert "does not raise the loss" in str(value(several, SHARE).reason)
