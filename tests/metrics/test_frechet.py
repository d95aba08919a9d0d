from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.frechet import Gaussian, frechet
from gsu_cli.evaluation.intervals import Z95
from gsu_cli.evaluation.real_images import heldout_images
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.metrics.frechet_distance import FrechetDistance
from gsu_cli.run.seeds import generator

from .conftest import context_of


def features(n: int, d: int, seed: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=g, dtype=torch.float64)
    return torch.randn(n, d, generator=g, dtype=torch.float64) @ mix + torch.randn(d, generator=g, dtype=torch.float64)


def by_sqrtm(a: torch.Tensor, b: torch.Tensor) -> float:
    """The textbook formula, by scipy's general matrix square root."""
    S_a, S_b = np.cov(a.numpy(), rowvar=False), np.cov(b.numpy(), rowvar=False)
    root = np.real(scipy.linalg.sqrtm(S_a @ S_b))
    gap = a.mean(0).numpy() - b.mean(0).numpy()
    return float(gap @ gap + np.trace(S_a + S_b - 2 * root))


@given(st.integers(2, 8), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_agrees_with_scipys_matrix_root(d, seed):
    a, b = features(5 * d, d, seed), features(7 * d, d, seed + 1)
    assert frechet(Gaussian.of(a), Gaussian.of(b)) == pytest.approx(by_sqrtm(a, b), rel=1e-6, abs=1e-8)


def test_agrees_with_pytorch_fid(monkeypatch):
    """On any SciPy: pytorch-fid 0.3 asks `sqrtm` for an error by an argument that SciPy 1.18 has dropped."""
    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    sqrtm = scipy.linalg.sqrtm
    monkeypatch.setattr(fid_score.linalg, "sqrtm", lambda x, disp=False: (sqrtm(x), 0.0))
    a, b = features(200, 16, 0), features(300, 16, 1)
    moments = [x for t in (a, b) for x in (t.mean(0).numpy(), np.cov(t.numpy(), rowvar=False))]
    reference = fid_score.calculate_frechet_distance(*moments)
    assert frechet(Gaussian.of(a), Gaussian.of(b)) == pytest.approx(reference, rel=1e-8)


def test_equal_covariances_leave_the_squared_distance_of_the_means():
    a = features(50, 5, 0)
    shift = torch.tensor([3.0, 0, 0, -4.0, 0], dtype=torch.float64)
    assert frechet(Gaussian.of(a), Gaussian.of(a + shift)) == pytest.approx(25.0, rel=1e-9)


def test_is_symmetric_zero_for_equals_and_never_negative():
    a, b = (Gaussian.of(features(40, 6, s)) for s in (0, 1))
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-9)
    assert 0.0 <= frechet(a, a) < 1e-9


@pytest.mark.parametrize("n", [2, 3, 9])
def test_fewer_images_than_features(n):
    a, b = features(n, 10, 0), features(n, 10, 1)
    value = frechet(Gaussian.of(a), Gaussian.of(b))
    # the nuclear norm of A B^T is the trace of the root, whatever the ranks
    A, B = ((x - x.mean(0)) / (n - 1) ** 0.5 for x in (a, b))
    cross = torch.linalg.matrix_norm(A @ B.T, "nuc")
    reference = (a.mean(0) - b.mean(0)).square().sum() + A.square().sum() + B.square().sum() - 2 * cross
    assert value == pytest.approx(float(reference), rel=1e-6)


def test_counts_are_a_resample():
    a = features(12, 3, 0)
    index = torch.randint(12, (12,), generator=torch.Generator().manual_seed(0))
    direct, counted = Gaussian.of(a[index]), Gaussian.of(a, torch.bincount(index, minlength=12))
    assert torch.allclose(direct.cov, counted.cov)
    assert torch.allclose(direct.mean, counted.mean)
    assert direct.n == counted.n == 12


def test_one_image_has_no_covariance():
    with pytest.raises(ValueError, match="two images"):
        Gaussian.of(torch.zeros(1, 3))


def test_the_metric_and_its_floor(context, subject):
    (found,) = FrechetDistance(references=300, resamples=20)(subject, context)
    (floor,) = FrechetDistance(references=300, resamples=20)(heldout_images(context.split)[1], context)
    assert found.low < found.value < found.high
    assert (found.judge, found.n, found.sha256) == ("cnn", 300, "ab")
    assert floor.value < found.value


def test_the_interval_is_as_wide_as_the_spread_of_fresh_samples(cnn):
    """Simulation: a bootstrap of one set of generated images against many sets."""
    metric, context, model = FrechetDistance(references=400), context_of(tiny_world.split(), cnn), tiny_world.trained()
    values = [metric(EvaluatedModel("x", generate_samples(model, 300, seed)), context)[0] for seed in range(30)]
    spread = torch.tensor([m.value for m in values]).std().item()
    width = torch.tensor([(m.high - m.value) / Z95 for m in values]).mean().item()
    assert 0.7 * spread < width < 1.5 * spread


def test_of_no_more_images_than_features_it_says_so(context, subject):
    """The covariance of so few is singular, and the distance measures that."""
    assert context.feature_judge().features(subject.pixels[:2]).shape[1] == 6
    metric = FrechetDistance(references=300, resamples=0)
    few, enough = (metric(EvaluatedModel("original", subject.pixels[:n], sha256="ab"), context)[0] for n in (6, 7))
    assert few.detail.startswith("of 6 images in 6 features, so far too high")
    assert enough.detail.startswith("of 7 images, so few that it is too high: as many real ones have ")


def test_against_few_real_images_it_says_so(context, subject):
    """Against 50 real digits instead of 3,600 a distance of 25.2 was 51.1, and its change -23 instead of -46 %."""
    few, some, many = (FrechetDistance(references=n, resamples=0)(subject, context)[0] for n in (6, 50, 100))
    assert few.detail.startswith("against 6 real images in 6 features, so far too high")
    assert some.detail.startswith("against 50 real images for 6 features, so few that it is too high")
    assert many.detail == ""
    both, alike = (
        FrechetDistance(references=n, resamples=0)(EvaluatedModel("original", subject.pixels[:5]), context)[0].detail
        for n in (4, 6)
    )
    assert both.startswith("of 5 images in 6 features")
    assert "; against 4 real images in 6 features" in both
    assert "against" not in alike


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images_are_null_with_a_reason(n, context):
    (m,) = FrechetDistance()(EvaluatedModel("data", torch.zeros(n, 1, 8, 8, dtype=torch.uint8)), context)
    assert m.value is None
    assert m.reason == f"a covariance needs at least two images, found {n}"


def test_without_a_judge_it_is_null(subject, knn):
    (m,) = FrechetDistance()(subject, context_of(tiny_world.split(), knn, cnn="no CNN judge ships for bars"))
    assert m.reason == "no CNN judge ships for bars"
    (m,) = FrechetDistance()(subject, context_of(tiny_world.split(), knn))
    assert m.reason == "no judge with features was chosen"


def test_no_resamples_no_interval(context, subject):
    (m,) = FrechetDistance(resamples=0)(subject, context)
    assert (m.low, m.high) == (None, None)


@pytest.mark.parametrize("options", [{"references": 1}, {"resamples": 1}, {"resamples": -1}, {"references": True}])
def test_refuses(options):
    with pytest.raises(UsageError, match="frechet_distance"):
        FrechetDistance(**options)


def test_the_bootstrap_of_ten_thousand_samples_takes_less_than_two_seconds():
    class Wide:
        name = "wide"

        def features(self, pixels):
            return features(len(pixels), 64, 0).float()

        def probabilities(self, found):
            raise NotImplementedError

        def verdict(self, found):
            raise NotImplementedError

        def provenance(self):
            return {}

        def __call__(self, pixels):
            raise NotImplementedError

    context = EvaluationContext(tiny_world.split(), {"wide": Wide()}, {}, 0)
    subject = EvaluatedModel("x", torch.zeros(10_000, 1, 1, 1, dtype=torch.uint8))
    started = time.process_time()
    (m,) = FrechetDistance()(subject, context)
    assert m.n == 10_000
    assert time.process_time() - started < 2.0  # 0.3 s when written, of all cores together


def test_of_few_samples_it_says_what_as_many_real_images_have(cnn):
    """300 real digits are 4.5 from 10,000 others, 8,865 are 0.5: beside 300 samples the latter misleads."""
    split = tiny_world.split()
    context, metric, n = context_of(split, cnn), FrechetDistance(references=400), len(split.heldout_retain) // 3
    pixels = generate_samples(tiny_world.trained(), n, 0)
    (few,) = metric(EvaluatedModel("unlearned", pixels), context)
    real = split.dataset.heldout.pixels[split.heldout_retain]
    order = torch.randperm(len(real), generator=generator(context.seed, "frechet_distance", "as many"))[:n]
    (by_hand,) = metric(EvaluatedModel("x", real[order]), context)
    (data,) = metric(EvaluatedModel("data", real), context)
    assert few.detail == f"of {n} images, so few that it is too high: as many real ones have {by_hand.value:.2f}"
    assert by_hand.value > data.value
    assert data.detail == ""


def test_of_few_real_images_it_says_what_as_many_samples_have(cnn):
    """899 real digits are 2.7 from the others: beside 10,000 samples that floor is too high, and nothing said so."""
    split, n = tiny_world.split(), 40
    context, metric = context_of(split, cnn), FrechetDistance(references=400)
    context.original = EvaluatedModel("original", generate_samples(tiny_world.trained(), 2 * n, 0), sha256="ab")
    real = EvaluatedModel("data", split.dataset.heldout.pixels[split.heldout_retain[:n]])
    (few,) = metric(real, context)
    (by_hand,) = metric(EvaluatedModel("x", context.original.pixels[:n]), context)
    said = f"of {n} real images, so few that it is too high: as many samples of the original have {by_hand.value:.2f}"
    assert few.detail == said
    context.original.pixels = context.original.pixels[:-1]
    (beside,) = metric(real, context)
    assert beside.detail == "", "beside fewer than twice as many samples"
    context.original = None
    assert metric(real, context)[0].detail == ""
