from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import tiny_world
from gsu_cli.data.split import Split
from gsu_cli.errors import UsageError
from gsu_cli.evaluation import heldout
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.heldout import HeldoutPart, paired_change
from gsu_cli.evaluation.intervals import Z95
from gsu_cli.gradients import block_generator
from gsu_cli.metrics.feature_ratio import FeatureRatio, ReconstructionRatio
from gsu_cli.metrics.heldout_loss import RETAIN, HeldoutLoss
from gsu_cli.metrics.nll_bound import NllBound
from gsu_cli.metrics.sample_nll import SampleNll
from gsu_cli.run.seeds import derive
from gsu_cli.verbs.evaluate import nothing_forgotten

from .conftest import context_of


@pytest.mark.parametrize("part", ["retain", "forget"])
@pytest.mark.parametrize(("latents", "times"), [(1, 1), (2.5, 3), (100, 8)])  # of each image
def test_is_the_mean_of_the_models_own_loss(part, latents, times, context, subject, monkeypatch):
    split = context.split
    images = split.heldout_retain_images if part == "retain" else split.heldout_forget_images
    monkeypatch.setattr(heldout, "DRAWS", latents * len(images))
    (m,) = HeldoutLoss(part)(subject, context)
    seeds = [derive(context.seed, "elbo", part), *(derive(context.seed, "elbo", part, k) for k in range(1, times))]
    with torch.no_grad():
        each = [subject.model.loss(images.floats(), images.labels, block_generator(s, 0)).double() for s in seeds]
    losses = sum(each) / times
    assert m.value == pytest.approx(losses.mean().item(), rel=1e-6)
    assert m.high - m.value == pytest.approx(Z95 * losses.std().item() / len(losses) ** 0.5, rel=1e-6)
    assert (m.n, m.unit, m.judge) == (len(images), "-ELBO, nats", None)
    assert m.better == ("lower" if part == "retain" else None)


def test_models_see_the_same_noise(context, subject):
    other = EvaluatedModel("unlearned", subject.pixels, tiny_world.trained(), "cd")
    assert HeldoutLoss("retain")(subject, context)[0].value == HeldoutLoss("retain")(other, context)[0].value


class Exact(torch.nn.Module):
    """A flow, say: its loss is the NLL itself, in nats, and it has no posterior."""

    def loss(self, x, y, generator):
        return x.flatten(1).sum(1)


def test_a_model_without_a_posterior_has_no_elbo(context):
    subject = EvaluatedModel("original", torch.zeros(1, 1, 1, 1), Exact(), "ab")
    assert HeldoutLoss("retain")(subject, context)[0].unit == "nats"
    context.retrained = EvaluatedModel("retrained", torch.zeros(1, 1, 1, 1), Exact(), "cd")
    subject = EvaluatedModel("original", tiny_world.dataset().heldout.pixels, Exact(), "ab")
    (m,) = SampleNll()(subject, context)
    assert m.value is not None
    assert m.unit == "nats"


def test_real_data_has_none(context):
    assert HeldoutLoss("retain")(EvaluatedModel("data", tiny_world.dataset().heldout.pixels), context) == []


def test_single_samples_have_no_heldout_forget_images(subject, knn):
    (m,) = HeldoutLoss("forget")(subject, context_of(tiny_world.split_of(sample=[4, 7]), knn))
    assert m.value is None
    assert m.reason == "no held-out image belongs to the forget set (single samples live in the training set)"


def test_a_class_that_no_heldout_image_shows_is_no_single_sample():
    some = tiny_world.split()
    held = torch.arange(len(some.dataset.heldout))
    split = replace(some, heldout_forget=held[:0], heldout_retain=held)
    assert HeldoutPart("forget").none(split) == "no held-out image belongs to the forget set"


def test_an_empty_retain_part_says_so(subject, knn):
    data = tiny_world.dataset()
    none, every, train = (
        torch.empty(0, dtype=torch.int64),
        torch.arange(len(data.heldout)),
        torch.arange(len(data.train)),
    )
    split = Split(data, none, train, every, none)
    (m,) = HeldoutLoss("retain")(subject, context_of(split, knn))
    assert m.reason == "no held-out image belongs to the retain set"


def test_without_a_forget_spec_nothing_is_to_be_forgotten(subject, knn):
    """It said that no held-out image belongs to a forget set that nobody asked for."""
    context = context_of(nothing_forgotten(tiny_world.dataset()), knn)
    for metric in (HeldoutLoss("forget"), NllBound(images=10), ReconstructionRatio(), FeatureRatio()):
        assert metric(subject, context)[-1].reason == "nothing is to be forgotten"


def test_a_model_that_has_blown_up_is_null_and_not_a_crash(context, subject):
    with torch.no_grad():
        subject.model.posterior_head.bias.fill_(1e4)  # sd overflows
    (m,) = HeldoutLoss("retain")(subject, context)
    assert m.value is None
    assert m.reason.startswith("losses must be finite")


def test_one_image_has_a_value_and_no_interval(subject):
    m = RETAIN.mean(subject, torch.tensor([3.0], dtype=torch.float64))
    assert (m.value, m.low, m.high, m.n) == (3.0, None, None, 1)


def test_refuses_a_third_part():
    with pytest.raises(UsageError, match="retain or forget; found both"):
        HeldoutLoss("both")


def test_a_change_has_an_interval_of_pairs_far_narrower_than_that_of_either(context, subject):
    moved = tiny_world.trained()
    with torch.no_grad():
        for p in moved.decoder.parameters():
            p.mul_(1.02)
    metric = HeldoutLoss("retain")
    (before,), (after,) = (
        metric(subject, context),
        metric(EvaluatedModel("unlearned", subject.pixels, moved, "cd"), context),
    )
    assert (before.change_low, before.change_high) == (None, None)
    change = after.value / before.value - 1
    assert after.change_low < change < after.change_high
    assert after.change_high - after.change_low < 0.2 * (before.high - before.low) / before.value


def test_without_the_original_a_change_has_no_interval(context, subject):
    (alone,) = HeldoutLoss("retain")(EvaluatedModel("unlearned", subject.pixels, tiny_world.trained(), "cd"), context)
    assert alone.change_low is None


def test_the_interval_of_a_paired_change_holds_the_truth_in_95_of_100_repetitions():
    g = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(1000):
        before = 10 + 3 * torch.randn(200, generator=g, dtype=torch.float64)
        low, high = paired_change(before, 1.05 * before + torch.randn(200, generator=g, dtype=torch.float64))
        hits += low <= 0.05 <= high
    assert 930 <= hits <= 970


def test_too_little_for_an_interval():
    assert paired_change(torch.ones(1), torch.ones(1)) is None
    assert paired_change(torch.tensor([1.0, -1.0]), torch.ones(2)) is None


def test_nats_near_zero_have_the_interval_of_their_difference():
    """As a ratio of means 0.5 and 2.5 whose images spread by 50 it was 200 times as wide."""
    rng = torch.Generator().manual_seed(0)
    before = 50 * torch.randn(2000, generator=rng).double()
    before += 0.5 - before.mean()
    after = before + 2 + torch.randn(2000, generator=rng).double()
    low, high = paired_change(before, after, "-ELBO, nats")
    half = Z95 * (after - before).std().item() / 2000**0.5
    difference = (after - before).mean().item()
    assert (low * 0.5, high * 0.5) == (pytest.approx(difference - half), pytest.approx(difference + half))
    assert paired_change(before, after, "MSE a pixel") == paired_change(before, after)


def test_looks_at_one_image_in_a_band_of_noise_are_no_further_images():
    """Forty images, eight looks at each: as 64 values of a band its interval holds 84 %."""
    g = torch.Generator().manual_seed(0)
    subject = EvaluatedModel("original", torch.zeros(1, 1, 1, 1), SimpleNamespace(loss_unit="MSE"), "ab")
    hits = total = 0
    for _ in range(60):
        losses = torch.randn(40, generator=g) + 0.1 * torch.randn(8, 40, generator=g)
        rows = HeldoutLoss("retain")._bands(losses.double(), torch.rand(8, 40, generator=g), subject, {})
        hits += sum(m.low <= 0 <= m.high for m in rows)
        total += len(rows)
    assert hits / total > 0.91
