"""Drawing, remembering verdicts, intervals: what all metrics share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_world
from gsu_cli.errors import NonFiniteError
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.intervals import wilson
from gsu_cli.evaluation.real_images import heldout_images
from gsu_cli.evaluation.samples import generate_samples
from gsu_cli.run.memory import is_out_of_memory
from later import Later

stats = Later("scipy.stats")  # a second


@given(st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=60, deadline=None)
def test_wilson_agrees_with_scipy(case):
    hits, n = case
    reference = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_wilson_stays_a_share():
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


def test_draw_is_bit_identical_and_independent_of_what_ran_before():
    model = tiny_world.trained()
    once = generate_samples(model, 130, 5, chunk=50)
    torch.rand(17)
    generate_samples(tiny_world.fresh(), 99, 8)
    assert torch.equal(generate_samples(model, 130, 5, chunk=50), once)
    assert not torch.equal(generate_samples(model, 130, 6, chunk=50), once)
    assert once.dtype == torch.uint8
    assert once.shape == (130, 1, 8, 8)


@pytest.mark.parametrize("n", [10**12, 2**63 - 1])
def test_more_samples_than_can_ever_fit_are_refused_at_once(n):
    """They were generated until the machine had no memory left for anybody."""
    with pytest.raises(RuntimeError) as raised:
        generate_samples(tiny_world.fresh(), n, 5)
    assert is_out_of_memory(raised.value)


def test_draw_leaves_the_global_generator_alone():
    model = tiny_world.fresh()
    before = torch.get_rng_state()
    generate_samples(model, 10, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_more_samples_begin_with_the_same():
    model = tiny_world.trained()
    assert torch.equal(generate_samples(model, 60, 0, chunk=20), generate_samples(model, 100, 0, chunk=20)[:60])


def test_models_of_one_latent_size_draw_at_the_same_latents():
    seen = []

    class Spy(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model
            model.decode = lambda z: seen.append(z) or torch.zeros(len(z), 1, 8, 8)

        def sample(self, n, generator):
            return self.model.sample(n, generator)

    generate_samples(Spy(tiny_world.fresh(0)), 30, 2)
    generate_samples(Spy(tiny_world.fresh(1, hidden=(16,))), 30, 2)
    assert torch.equal(*seen)


def test_samples_of_nan_are_refused():
    model = tiny_world.trained()
    with torch.no_grad():
        next(model.decoder.parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteError, match=r"nan among generated images 0 to 9. Take another checkpoint"):
        generate_samples(model, 10, 0)


def test_so_are_infinite_ones_which_a_bound_would_make_white(monkeypatch):
    model, image = tiny_world.trained(), torch.full((1, 8, 8), float("inf"))
    monkeypatch.setattr(model, "sample", lambda n, generator: image.expand(n, 1, 8, 8))
    with pytest.raises(NonFiniteError, match=r"inf among generated images 0 to 9. Take another checkpoint"):
        generate_samples(model, 10, 0)


class Counter:
    """A judge that counts what it is shown."""

    name = "counter"

    def __init__(self, judge):
        self.judge, self.images = judge, 0

    def __call__(self, pixels):
        self.images += len(pixels)
        return self.judge(pixels)

    def provenance(self):
        return {}


def test_a_judge_looks_at_each_image_once(knn):
    judge, split = Counter(knn), tiny_world.split()
    everything, retained = heldout_images(split)
    verdict = retained.verdict(judge)
    everything.verdict(judge)
    retained.verdict(judge)
    assert judge.images == len(split.dataset.heldout)
    direct = knn(split.heldout_retain_images.pixels)
    assert torch.equal(verdict.labels, direct.labels)
    assert torch.equal(verdict.confidence, direct.confidence)
    assert torch.equal(retained.pixels, split.heldout_retain_images.pixels)


def test_a_part_has_the_features_of_its_images(cnn):
    everything, retained = heldout_images(tiny_world.split())
    alone = EvaluatedModel("data", retained.pixels)
    assert torch.allclose(retained.features(cnn), alone.features(cnn), atol=1e-5)
    assert torch.equal(retained.verdict(cnn).labels, alone.verdict(cnn).labels)
    assert len(everything.features(cnn)) == len(tiny_world.dataset().heldout)
