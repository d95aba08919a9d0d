"""What is measured where an attribute is forgotten, on scripted judges whose answers are known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch

import attribute_world
from gsu_cli.data.base import Images
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.evaluation.real_images import heldout_images
from gsu_cli.evaluation.samples import generate_samples, reconstructions
from gsu_cli.evaluation.trust import trust_report
from gsu_cli.judges.base import AttributeVerdict
from gsu_cli.metrics.abstention import Abstention
from gsu_cli.metrics.feature_ratio import FeatureRatio, ReconstructionRatio
from gsu_cli.metrics.inception_score import InceptionScore, inception_score
from gsu_cli.metrics.other_attributes import OtherAttributes

from .conftest import context_of


class Scripted:
    """Sees the bar where the first channel of the first pixel is 1, the square where the second is; unsure at 7."""

    name = "scripted"

    def __call__(self, pixels):
        told = pixels[:, :2, 0, 0]
        return AttributeVerdict(("bar", "square"), told == 1, torch.ones(len(pixels), 2), told == 7)

    def provenance(self):
        return {}


def told(bars, squares, name="original"):
    pixels = torch.zeros(len(bars), 3, 16, 16, dtype=torch.uint8)
    pixels[:, 0, 0, 0], pixels[:, 1, 0, 0] = torch.tensor(bars), torch.tensor(squares)
    return EvaluatedModel(name, pixels.to(torch.uint8), None, "ab")


FOUR = told([1, 0, 7, 1], [1, 1, 7, 0])
NAMED = attribute_world.split


def test_the_ratio_is_that_of_the_attribute_and_abstentions_are_about_it_alone():
    context = context_of(NAMED(), Scripted())
    (ratio,), (abstention,) = FeatureRatio()(FOUR, context), Abstention()(FOUR, context)
    assert (ratio.value, ratio.n, ratio.judge, ratio.sha256) == (0.5, 4, "scripted", "ab")
    assert (ratio.low, ratio.high) == wilson(2, 4)
    assert abstention.value == 0.25
    (other,) = FeatureRatio()(FOUR, context_of(attribute_world.split_of(attribute="square"), Scripted()))
    assert other.value == 0.5
    (square,) = FeatureRatio()(
        told([0, 0], [1, 0]), context_of(attribute_world.split_of(attribute="square"), Scripted())
    )
    assert square.value == 0.5


def test_where_samples_are_forgotten_there_is_no_ratio_and_any_doubt_counts():
    context = context_of(attribute_world.split_of(sample=[3]), Scripted())
    (ratio,) = FeatureRatio()(FOUR, context)
    assert ratio.value is None
    assert ratio.reason == "single samples have no class that a judge could look for"
    (abstention,) = Abstention()(told([7, 0, 1], [0, 7, 1]), context)
    assert abstention.value == pytest.approx(2 / 3)


def test_a_judge_that_does_not_know_the_attribute_says_so():
    class Blind(Scripted):
        def __call__(self, pixels):
            seen = super().__call__(pixels)
            return AttributeVerdict(("moon", "square"), seen.present, seen.confidence, seen.abstains)

    (row,) = FeatureRatio()(told([1, 0], [0, 1]), context_of(NAMED(), Blind()))
    assert (row.value, row.reason) == (None, "judge scripted does not look for attribute bar")


def test_other_attributes_are_those_that_stay():
    (row,) = OtherAttributes()(FOUR, context_of(NAMED(), Scripted()))
    assert (row.name, row.value, row.n, row.better) == ("attribute_square", 0.5, 4, None)
    assert (row.low, row.high) == wilson(2, 4)
    (row,) = OtherAttributes()(FOUR, context_of(attribute_world.split_of(attribute="square"), Scripted()))
    assert row.name == "attribute_bar"
    rows = OtherAttributes()(FOUR, context_of(attribute_world.split_of(sample=[1]), Scripted()))
    assert [r.name for r in rows] == ["attribute_bar", "attribute_square"]


class Guesses(Scripted):
    """Sees the square in every other image, whatever it shows."""

    def __call__(self, pixels):
        said = torch.arange(len(pixels)) % 2 == 0
        return AttributeVerdict(
            ("bar", "square"), said[:, None].expand(-1, 2), torch.ones(len(pixels), 2), ~said[:, None]
        )


def test_a_share_that_a_judge_guesses_says_so():
    """An attribute that no image shows, whether it is in stock say, had a share by a judge who cannot see it."""
    (row,) = OtherAttributes()(FOUR, context_of(NAMED(), Guesses()))
    heldout = NAMED().dataset.heldout.attributes[:, 1]
    seen = heldout[::2].sum().item() / heldout.sum().item()
    assert row.value == 0.5
    assert row.detail.startswith(f"says little, as it is seen in {seen:.1%} of {int(heldout.sum())} real images that")
    judges = attribute_world.judges()
    subject = EvaluatedModel("unlearned", NAMED().dataset.heldout.pixels, None, "ab")
    assert [m.detail for m in OtherAttributes()(subject, context_of(NAMED(), *judges.values()))] == ["", ""]


def test_the_eight_nearest_to_half_are_looked_at_in_their_own_order():
    rates = [0.02, 0.5, 0.98, 0.4, 0.3, 0.6, 0.7, 0.2, 0.45, 0.55]
    columns = torch.stack([torch.arange(100) < round(100 * rate) for rate in rates], 1)
    images = Images(torch.zeros(100, 3, 16, 16, dtype=torch.uint8), torch.zeros(100, dtype=torch.int64), columns)
    names = tuple("abcdefghij")
    data = replace(attribute_world.dataset(), train=images, attribute_names=names)
    assert OtherAttributes().chosen(data) == tuple("bdefghij")
    assert OtherAttributes(["c", "a"]).chosen(data) == ("c", "a")
    with pytest.raises(UsageError, match="must be attributes of signs; found z"):
        OtherAttributes(["a", "z"]).chosen(data)


@pytest.mark.parametrize("names", ["bar", [1], 3, [None]])
def test_names_must_be_names(names):
    with pytest.raises(UsageError, match=r"`metric\.other_attributes\.names` must be a list of names"):
        OtherAttributes(names)


def test_a_wrong_name_is_met_with_the_nearest_and_a_data_set_without_any_is_said():
    with pytest.raises(UsageError, match="found squar. Did you mean 'square'?"):
        OtherAttributes(["squar"]).check(attribute_world.dataset())
    plain = replace(attribute_world.dataset(), attribute_names=())
    with pytest.raises(UsageError, match="needs a data set with attributes, and signs has none"):
        OtherAttributes(["bar"]).check(plain)
    OtherAttributes().check(plain)


def test_reconstructions_are_of_heldout_images_that_show_it():
    model, split = attribute_world.trained(), NAMED()
    subject = EvaluatedModel("unlearned", torch.zeros(1, 3, 16, 16, dtype=torch.uint8), model, "ab")
    rows = {m.judge: m for m in ReconstructionRatio()(subject, context_of(split, *attribute_world.judges().values()))}
    rebuilt = reconstructions(model, split.dataset.heldout[split.heldout_forget])
    for name, judge in attribute_world.judges().items():
        assert rows[name].value == judge(rebuilt).has("bar").double().mean().item() > 0.9
        assert (rows[name].n, rows[name].name) == (len(split.heldout_forget), "feature_ratio_reconstructions")
        assert (rows[name].subject, rows[name].sha256) == ("unlearned", "ab")


def test_why_there_are_no_reconstructions():
    context = context_of(NAMED(), Scripted())
    assert ReconstructionRatio()(FOUR, context) == []
    with_model = replace(FOUR, model=torch.nn.Linear(1, 1))
    (row,) = ReconstructionRatio()(with_model, context)
    assert row.reason == "Linear has no posterior to reconstruct from"
    (row,) = ReconstructionRatio()(with_model, context_of(attribute_world.split_of(sample=[3]), Scripted()))
    assert row.reason == "no held-out image shows samples (1)"
    broken = attribute_world.trained()
    with torch.no_grad():
        next(broken.decoder.parameters()).fill_(float("nan"))
    (row,) = ReconstructionRatio()(replace(FOUR, model=broken), context)
    assert (row.value, row.reason) == (None, "reconstructions must be finite; found nan")


def script(truth: torch.Tensor) -> torch.Tensor:
    """Images that the scripted judge answers for as ``truth`` ``(n, 2)`` says."""
    pixels = torch.zeros(len(truth), 3, 16, 16, dtype=torch.uint8)
    pixels[:, :2, 0, 0] = truth.to(torch.uint8)
    return pixels


def test_trust_counts_what_is_seen_and_what_is_seen_wrongly():
    """Wrong on every tenth reconstruction that has the bar and on every fifth that has not; the square is no matter."""
    split = NAMED()
    truth = split.dataset.heldout.attributes.clone()
    answers = truth.clone()
    answers[split.heldout_forget[::10], 0] = False
    answers[split.heldout_retain[::5], 0] = True
    answers[:, 1] = ~answers[:, 1]
    heldout = replace(split.dataset.heldout, pixels=script(truth))
    data = replace(split.dataset, heldout=heldout)
    report = trust_report(Scripted(), replace(split, dataset=data), script(answers), FOUR)
    missed, wrong = len(split.heldout_forget[::10]), len(split.heldout_retain[::5])
    assert report["real"].value == 1.0
    assert report["reconstructions"].value == pytest.approx(1 - (missed + wrong) / len(heldout))
    assert report["recall"].value == pytest.approx(1 - missed / len(split.heldout_forget))
    assert report["false_alarms"].value == pytest.approx(wrong / len(split.heldout_retain))
    assert (report["recall"].better, report["false_alarms"].better) == ("higher", "lower")
    assert report["recall"].n + report["false_alarms"].n == len(heldout)
    assert report["abstention"].value == 0.25


def test_a_judge_that_never_sees_a_rare_attribute_is_found_out():
    split = attribute_world.split_of(attribute="bar")
    never = torch.zeros(len(split.dataset.heldout), 2)
    report = trust_report(Scripted(), split, script(never), FOUR)
    assert report["reconstructions"].value > 0.5
    assert (report["recall"].value, report["false_alarms"].value) == (0.0, 0.0)


def test_trust_without_a_forgotten_attribute_or_reconstructions_has_no_recall():
    everything, _ = heldout_images(NAMED())
    assert "recall" not in trust_report(Scripted(), NAMED(), None, FOUR, real=everything)
    sample = attribute_world.split_of(sample=[3])
    assert "recall" not in trust_report(Scripted(), sample, script(sample.dataset.heldout.attributes), FOUR)


def test_inception_score_of_independent_attributes_is_the_product_of_theirs():
    sure = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)))  # every combination once
    assert inception_score(torch.stack([1 - sure, sure], 2)) == pytest.approx(8.0, rel=1e-6)
    assert inception_score(torch.full((9, 3, 2), 0.5)) == pytest.approx(1.0)
    yes = torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    p = torch.stack([1 - yes, yes], 2)
    alone = [inception_score(p[:, k]) for k in range(2)]
    assert inception_score(p) == pytest.approx(alone[0] * alone[1], rel=1e-9)
    # two attributes always together count twice: the sum takes them for independent, as its docstring says
    both = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[:, None].expand(2, 2, 2)
    assert inception_score(both) == pytest.approx(4.0, rel=1e-6)


def test_inception_score_by_the_judge_of_attributes():
    subject = EvaluatedModel("original", generate_samples(attribute_world.trained(), 200, 0), None, "ab")
    (m,) = InceptionScore(splits=4)(subject, context_of(NAMED(), *attribute_world.judges().values()))
    judge = attribute_world.cnn()
    assert m.value == pytest.approx(inception_score(judge.probabilities(judge.features(subject.pixels))))
    assert 1 <= m.low < m.value < m.high
