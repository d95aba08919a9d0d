"""What the retrained model says of generated images: its own loss, of the images as they are."""

from __future__ import annotations

import copy

import pytest
import torch

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.real_images import real_images
from gsu_cli.gradients import block_generator
from gsu_cli.metrics.sample_nll import SampleNll
from gsu_cli.run.seeds import derive


@pytest.fixture
def beside(context, subject):
    """The context with a retrained model: here the original itself, which finds its own samples likely."""
    context.original = subject
    context.retrained = EvaluatedModel("retrained", subject.pixels, subject.model, "ef")
    return context


def smeared(subject: EvaluatedModel) -> EvaluatedModel:
    """The same generated images with grey in the middle."""
    pixels = subject.pixels.clone()
    pixels[:, :, 2:5, 2:5] = 128
    return EvaluatedModel("unlearned", pixels, subject.model, "cd")


def test_is_the_loss_of_the_retrained_model(beside, subject):
    other = copy.deepcopy(subject.model)
    with torch.no_grad():
        next(other.parameters()).mul_(1.5)
    beside.retrained = EvaluatedModel("retrained", subject.pixels, other, "ef")
    (m,) = SampleNll(images=100)(subject, beside)
    x = subject.pixels[:100].float() / 255
    with torch.no_grad():
        losses = other.loss(x, torch.zeros(100).long(), block_generator(derive(beside.seed, "elbo", "drawn"), 0))
    assert m.value == pytest.approx(losses.double().mean().item(), rel=1e-6)
    assert (m.n, m.judge, m.better, m.unit, m.sha256) == (100, None, None, "-ELBO, nats", "ab")
    assert m.low < m.value < m.high


def test_a_smear_is_strange(beside, subject):
    metric = SampleNll()
    (before,), (after,) = metric(subject, beside), metric(smeared(subject), beside)
    assert after.low > before.high
    assert 0 < after.change_low < after.value / before.value - 1 < after.change_high
    assert before.change_low is None


def test_the_same_samples_are_equally_strange(beside, subject):
    metric = SampleNll()
    same = EvaluatedModel("unlearned", subject.pixels, tiny_world.trained(), "cd")
    (before,), (after,) = metric(subject, beside), metric(same, beside)
    assert (before.value, after.change_low, after.change_high) == (after.value, 0.0, 0.0)


def test_real_images_have_a_number_and_no_change(beside, subject):
    metric = SampleNll()
    metric(subject, beside)
    real = real_images(tiny_world.dataset().heldout)
    (m,) = metric(real, beside)
    assert m.subject == "data"
    assert m.value is not None
    assert m.change_low is None


def test_without_a_retrained_model_there_is_none(context, subject):
    assert SampleNll()(subject, context) == []


@pytest.mark.parametrize(
    ("unit", "reason"),
    [(None, "Linear has no loss of an image"), ("MSE of v", "has no -ELBO: its loss is the MSE of v")],
)
def test_a_retrained_model_without_an_elbo_is_said_to_have_none(beside, subject, unit, reason):
    other = torch.nn.Linear(1, 1) if unit is None else copy.deepcopy(subject.model)
    if unit is not None:
        other.loss_unit = unit
    beside.retrained = EvaluatedModel("retrained", subject.pixels, other, "ef")
    (m,) = SampleNll()(subject, beside)
    assert m.value is None
    assert reason in m.reason


def test_a_loss_that_is_not_finite_is_a_hole(beside, subject):
    broken = copy.deepcopy(subject.model)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    beside.retrained = EvaluatedModel("retrained", subject.pixels, broken, "ef")
    (m,) = SampleNll()(subject, beside)
    assert m.value is None
    assert m.reason


@pytest.mark.parametrize("n", [0, 1])
def test_few_images(beside, subject, n):
    """Of none there is nothing to say, of one no interval."""
    (m,) = SampleNll()(EvaluatedModel("data", subject.pixels[:n]), beside)
    assert (m.value is None, m.low, m.high) == (n == 0, None, None)
    assert m.reason == ("there are no images to judge" if n == 0 else None)


@pytest.mark.parametrize("images", [1, 0, True, 2.5, "all"])
def test_images_are_whole(images):
    with pytest.raises(UsageError, match=r"`metric\.sample_nll_retrained\.images` must be an integer >= 2"):
        SampleNll(images)
