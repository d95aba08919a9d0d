"""Feature ratio, abstention and the judges' trust report."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import tiny_world
from gsu_cli.data.base import Images
from gsu_cli.data.forget import ForgetSpec
from gsu_cli.data.split import Split
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.evaluation.real_images import heldout_images
from gsu_cli.evaluation.trust import trust_report
from gsu_cli.judges.base import Verdict
from gsu_cli.metrics.abstention import Abstention
from gsu_cli.metrics.feature_ratio import FeatureRatio

from .conftest import context_of


class Scripted:
    """Says what it was told to say, image by image."""

    name = "scripted"

    def __init__(self, labels, confidence):
        self.labels, self.confidence = torch.tensor(labels), torch.tensor(confidence)

    def __call__(self, pixels):
        n = len(pixels)
        return Verdict(self.labels[:n], self.confidence[:n], self.confidence[:n] < 0.5)

    def provenance(self):
        return {}


TEN = EvaluatedModel("original", torch.zeros(10, 1, 8, 8, dtype=torch.uint8), None, "ab")
JUDGE = Scripted([1, 1, 3, 8, 8, 1, 3, 3, 3, 3], [0.9, 0.1, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9])


def test_ratio_counts_abstentions_by_their_label():
    (m,) = FeatureRatio()(TEN, context_of(tiny_world.split(), JUDGE))
    assert (m.value, m.n, m.judge, m.sha256) == (0.3, 10, "scripted", "ab")
    assert (m.low, m.high) == wilson(3, 10)


def test_ratio_of_several_classes():
    (m,) = FeatureRatio()(TEN, context_of(tiny_world.split_of(class_=[1, 8]), JUDGE))
    assert m.value == 0.5


def test_abstention():
    (m,) = Abstention()(TEN, context_of(tiny_world.split(), JUDGE))
    assert m.value == 0.2
    assert (m.low, m.high) == wilson(2, 10)


def test_each_judge_has_a_row_and_a_missing_one_its_reason(knn):
    context = context_of(tiny_world.split(), knn, JUDGE, cnn="none ships")
    for metric in (FeatureRatio(), Abstention()):
        rows = {m.judge: m for m in metric(TEN, context)}
        assert rows.keys() == {"knn", "scripted", "cnn"}
        assert rows["cnn"].reason == "none ships"
        assert rows["knn"].value is not None


def test_no_judge_at_all_is_said():
    for metric in (FeatureRatio(), Abstention()):
        (m,) = metric(TEN, context_of(tiny_world.split()))
        assert m.reason == "no judge was chosen"


def test_no_images_are_null(nobody, knn, cnn):
    for metric in (FeatureRatio(), Abstention()):
        rows = metric(nobody, context_of(tiny_world.split(), knn, cnn))
        assert [m.value for m in rows] == [None, None]
        assert rows[0].reason == "there are no images to judge"


def test_why_there_is_no_ratio(knn):
    data = tiny_world.dataset()
    (m,) = FeatureRatio()(TEN, context_of(tiny_world.split_of(sample=[3]), knn))
    assert m.reason == "single samples have no class that a judge could look for"
    none = torch.empty(0, dtype=torch.int64)
    split = Split(data, none, torch.arange(len(data.train)), none, torch.arange(len(data.heldout)))
    (m,) = FeatureRatio()(TEN, context_of(split, knn))
    assert m.reason == "nothing is to be forgotten"
    split = replace(tiny_world.split(), words="attribute Male", target_classes=None, target_attribute="Male")
    (m,) = FeatureRatio()(TEN, context_of(split, knn))
    assert m.reason == "judge knn does not look for attribute Male"


def test_trust(knn, subject):
    data = tiny_world.dataset()
    again = data.heldout.pixels.clone()
    again[:30] = again[30:60].roll(1, 0)  # others' images under the same labels
    report = trust_report(knn, tiny_world.split(), again, subject)
    assert report["real"].value > 0.95
    assert report["real"].n == len(data.heldout)
    assert report["real"].subject == "data"
    assert report["reconstructions"].value < report["real"].value
    assert report["reconstructions"].sha256 == subject.sha256
    assert report["abstention"].value == pytest.approx(subject.verdict(knn).abstains.double().mean().item())


def test_trust_shares_the_verdicts_of_the_floor(knn):
    split = tiny_world.split()
    everything, _ = heldout_images(split)
    fresh = trust_report(knn, split, None, TEN)
    shared = trust_report(knn, split, None, TEN, real=everything)
    assert fresh == shared
    assert everything.verdicts.keys() == {"knn"}
    assert shared["reconstructions"] is None


def test_trust_without_heldout_images_is_null(knn):
    empty = Images(torch.empty(0, 1, 8, 8, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
    data = replace(tiny_world.dataset(), heldout=empty)
    split = ForgetSpec.from_values(class_=1).resolve(data, generator=torch.Generator())
    report = trust_report(knn, split, None, TEN)
    assert report["real"].reason == "there are no images to judge"
