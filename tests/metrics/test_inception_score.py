from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.metrics import inception_score as inception_score_module
from gsu_cli.metrics.inception_score import InceptionScore, inception_score, of_few, shortfall

from .conftest import context_of


@given(st.integers(1, 40), st.integers(2, 10), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_lies_between_one_and_the_number_of_classes(n, classes, seed):
    p = (4 * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed))).softmax(1)
    assert 1 - 1e-9 <= inception_score(p) <= classes + 1e-9


def test_analytic_cases():
    assert inception_score(torch.full((7, 5), 0.2)) == pytest.approx(1.0)
    assert inception_score(torch.eye(5).repeat(3, 1)) == pytest.approx(5.0)
    assert inception_score(torch.eye(5)[[2]].repeat(9, 1)) == pytest.approx(1.0)
    # marginal (3/4, 1/4): KL is log 4/3 for the first, (log 2/3 + log 2) / 2 for the second
    by_hand = math.exp(0.5 * (math.log(4 / 3) + 0.5 * (math.log(2 / 3) + math.log(2))))
    assert inception_score(torch.tensor([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx(by_hand)


def test_the_metric(context, subject):
    (m,) = InceptionScore()(subject, context)
    assert 1 <= m.low < m.value < m.high
    assert m.value <= 3
    assert (m.n, m.judge, m.better) == (300, "cnn", "higher")


def test_a_score_of_few_images_says_how_much_too_low_it_is(context, subject):
    """As simulated: of 60 images the mean score is so much below that of very many."""
    rng = torch.Generator().manual_seed(0)
    p = (3 * torch.randn(60_000, 6, generator=rng, dtype=torch.float64)).softmax(1)
    few = torch.tensor([inception_score(part) for part in p.split(60)], dtype=torch.float64)
    assert 1 - float(few.mean()) / inception_score(p) == pytest.approx(shortfall(p[:60]), rel=0.15)
    assert of_few(p[:60]) == "of 60 images, so few that it is too low by about 2%"
    assert of_few(p[:1000]) == ""
    (m,) = InceptionScore()(subject, context)
    assert m.detail == of_few(subject.features(context.feature_judge()).softmax(1)) == ""


def test_the_ends_are_students_of_the_parts():
    p = torch.rand(1000, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
    low, high = InceptionScore(10)._interval(2.0, p)
    parts = torch.tensor([inception_score(part) for part in p.tensor_split(10)], dtype=torch.float64)
    half = 2.2621571628 * parts.std().item() / 10**0.5  # nine degrees of freedom; the normal quantile is 1.96
    assert (low, high) == (pytest.approx(2.0 - half), pytest.approx(2.0 + half))


@pytest.mark.parametrize("n", [1, 5, 99])
def test_few_images_have_a_score_and_no_interval(n, context, subject):
    (m,) = InceptionScore(splits=10)(EvaluatedModel("original", subject.pixels[:n]), context)
    assert m.value >= 1 - 1e-9
    assert (m.low, m.high, m.n) == (None, None, n)


def test_parts_of_almost_equal_size_are_as_many_as_asked(context, subject, monkeypatch):
    sizes = []
    score = inception_score_module.inception_score
    monkeypatch.setattr(inception_score_module, "inception_score", lambda p: sizes.append(len(p)) or score(p))
    (m,) = InceptionScore(splits=7)(EvaluatedModel("original", subject.pixels[:71]), context)
    assert m.low < m.value < m.high
    assert sizes == [71, 11, 10, 10, 10, 10, 10, 10], "the whole, then each part"


def test_no_image_or_judge_is_null(context, subject, nobody, knn):
    assert InceptionScore()(nobody, context)[0].reason == "there are no images to judge"
    assert InceptionScore()(subject, context_of(tiny_world.split(), knn))[0].value is None


def test_the_interval_of_few_images_holds_what_they_have_in_the_mean():
    """Ten scores of ten images each differ too little: an interval of them alone held it in 85 % of simulations."""
    rng, metric = torch.Generator().manual_seed(0), InceptionScore()

    def sample():
        logits = torch.randn(100, 10, generator=rng)
        logits[torch.arange(100), torch.randint(10, (100,), generator=rng)] += 8 * torch.rand(100, generator=rng)
        return logits.softmax(1)

    drawn = [sample() for _ in range(200)]
    scores = [inception_score(p) for p in drawn]
    mean = sum(scores) / len(scores)
    spans = [metric._interval(value, p) for value, p in zip(scores, drawn, strict=True)]
    assert sum(low <= mean <= high for low, high in spans) / len(spans) >= 0.93


@pytest.mark.parametrize("splits", [0, -1, True, 2.5])
def test_refuses(splits):
    with pytest.raises(UsageError, match="splits"):
        InceptionScore(splits)


@pytest.mark.parametrize(("shape", "most"), [((400, 3), 3), ((400, 2, 2), 4)])
def test_no_end_lies_above_the_highest_score(shape, most):
    hot = torch.randint(shape[-1], shape[:-1], generator=torch.Generator().manual_seed(0))
    p = torch.nn.functional.one_hot(hot, shape[-1]).double()
    value = inception_score(p)
    low, high = InceptionScore(10)._interval(value, p)
    assert low < value <= high <= most
