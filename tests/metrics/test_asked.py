"""Ways of asking a conditional model: each has a number, and renaming a condition does not pass for forgetting."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tiny_conditional as tiny
import tiny_world
from gsu_cli.errors import UsageError
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.samples import asked_conditions, generate_samples
from gsu_cli.judges.base import Verdict
from gsu_cli.metrics.asked import Asked
from gsu_cli.metrics.feature_ratio import FeatureRatio
from gsu_cli.metrics.relearned import Relearned
from gsu_cli.metrics.sample_nll import unlabelled_losses
from gsu_cli.models.vae.cvae import CVae

N = 300


class Eye:
    """Names the class whose mean image is nearest."""

    name = "eye"

    def __call__(self, pixels: torch.Tensor) -> Verdict:
        labels = tiny.shows(pixels.float() / 255)
        return Verdict(labels, torch.ones(len(labels)), torch.zeros(len(labels), dtype=torch.bool))

    def provenance(self) -> dict[str, object]:
        return {"name": self.name}


def shares(model: Any, *metrics: Any) -> dict[str, float]:
    """The ratios of one model, when class 1 is to be forgotten; by the end of their names."""
    context = EvaluationContext(tiny_world.split(), {"eye": Eye()}, {}, seed=0)
    subject = EvaluatedModel("original", generate_samples(model, N, 0), model, "ab")
    rows = [m for metric in (FeatureRatio(), Asked(), *metrics) for m in metric(subject, context)]
    assert all((m.judge, m.unit, m.better, m.sha256) == ("eye", "share", "lower", "ab") for m in rows)
    assert all(m.low is not None and m.high is not None and m.low <= m.value <= m.high for m in rows if m.value)
    assert {m.name: m.n for m in rows if "relearned" not in m.name} == {
        "feature_ratio": N,
        "feature_ratio_asked_forgotten": N,
        "feature_ratio_asked_others": int((asked_conditions(model, N, 0) != 1).sum()),
        "feature_ratio_asked_nothing": N,
    }
    return {m.name.removeprefix("feature_ratio").lstrip("_"): m.value for m in rows if m.value is not None}


def embedding(model: CVae, c: int) -> torch.Tensor:
    name, column = model.condition_column(c)
    return dict(model.named_parameters())[name].data[:, column]


def test_a_model_that_remembers() -> None:
    found = shares(tiny.trained())
    assert found["asked_forgotten"] > 0.95
    assert found["asked_others"] < 0.05
    assert 0.2 < found["asked_nothing"] < 0.5
    assert 0.25 < found[""] < 0.42  # a third of the training images


def test_a_swapped_embedding_shows_in_the_others() -> None:
    model = tiny.trained()
    one, eight = embedding(model, 1).clone(), embedding(model, 8).clone()
    embedding(model, 1).copy_(eight)
    embedding(model, 8).copy_(one)
    found, before = shares(model, Relearned(steps=100)), shares(tiny.trained(), Relearned(steps=100))
    assert found["asked_forgotten"] < 0.05  # what a glance at the forgotten condition would call forgotten
    assert found["asked_others"] > 0.4
    assert found["asked_nothing"] == before["asked_nothing"]
    assert found["relearned"] == before["relearned"] > 0.9


def test_a_zeroed_embedding_shows_in_the_null_condition_and_once_it_is_learnt_anew() -> None:
    model = tiny.trained()
    embedding(model, 1).zero_()
    found, before = shares(model, Relearned(steps=100)), shares(tiny.trained(), Relearned(steps=100))
    assert found["asked_forgotten"] == found["asked_nothing"] == before["asked_nothing"]  # the word means nothing now
    assert found[""] < 0.6 * before[""]  # the mixture alone would say that much was forgotten
    assert found["relearned"] == before["relearned"] > 0.9


def test_learning_a_word_moves_nothing_else() -> None:
    model = tiny.trained()
    before = tiny_world.weights(model)
    shares(model, Relearned(steps=5))
    assert tiny_world.same(tiny_world.weights(model), before)


def test_a_model_that_never_saw_it_has_little_to_be_reached_by_a_word() -> None:
    found = shares(tiny.retrained(), Relearned(steps=100))
    assert found["asked_forgotten"] == found["asked_nothing"]
    assert found["relearned"] < 0.6
    assert found[""] < 0.05


def test_unconditional_models_and_forgotten_samples_have_no_such_rows() -> None:
    plain, asked = tiny_world.trained(), (Asked(), Relearned(steps=1))
    context = EvaluationContext(tiny_world.split(), {"eye": Eye()}, {}, seed=0)
    subject = EvaluatedModel("original", generate_samples(plain, 20, 0), plain, "ab")
    assert [row for metric in asked for row in metric(subject, context)] == []
    conditional = tiny.trained()
    samples = EvaluationContext(tiny_world.split_of(sample=[1, 2]), {"eye": Eye()}, {}, seed=0)
    subject = EvaluatedModel("original", generate_samples(conditional, 20, 0), conditional, "ab")
    assert [row for metric in asked for row in metric(subject, samples)] == []
    assert [row for metric in asked for row in metric(EvaluatedModel("data", subject.pixels), context)] == []


def test_a_model_whose_conditions_were_never_hidden_is_not_asked_for_nothing() -> None:
    model = tiny.fresh(drop=0.0)
    subject = EvaluatedModel("original", generate_samples(model, 20, 0), model, "ab")
    rows = Asked(samples=20)(subject, EvaluationContext(tiny_world.split(), {"eye": Eye()}, {}, seed=0))
    assert {m.name for m in rows} == {"feature_ratio_asked_forgotten", "feature_ratio_asked_others"}


class Lean(torch.nn.Module):
    """A conditional class of one's own with what it must have alone: no shares, no word for a class, no `drop`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.conditions, self.shape = tiny.trained(), tiny.CONDITIONS, tiny.trained().shape
        self.noise, self.generate, self.loss = self.inner.noise, self.inner.generate, self.inner.loss


def test_what_a_lean_class_lacks_is_said_and_its_samples_are_asked_under_all_classes() -> None:
    model = Lean()
    subject = EvaluatedModel("original", generate_samples(model, 20, 0), model, "ab")
    context = EvaluationContext(tiny_world.split(), {"eye": Eye()}, {}, seed=0)
    rows = {m.name: m for metric in (Asked(samples=20), Relearned(steps=1)) for m in metric(subject, context)}
    assert rows["feature_ratio_asked_forgotten"].value is not None
    assert "Lean has no drop" in str(rows["feature_ratio_asked_nothing"].reason)
    assert "Lean has no condition_column(c)" in str(rows["feature_ratio_relearned"].reason)
    pixels = tiny_world.dataset().heldout.pixels
    model.inner.condition_shares.fill_(1 / tiny.CONDITIONS)
    assert torch.allclose(unlabelled_losses(model, pixels, seed=0), unlabelled_losses(model.inner, pixels, seed=0))


def test_samples_that_are_not_finite_are_nulls_with_the_reason() -> None:
    model = tiny.trained()
    subject = EvaluatedModel("original", generate_samples(model, 20, 0), model, "ab")
    embedding(model, 1).fill_(torch.nan)
    context = EvaluationContext(tiny_world.split(), {"eye": Eye()}, {}, seed=0)
    row = Asked()(subject, context)[0]
    assert row.value is None
    assert "finite" in str(row.reason)
    model.decoder[2].weight.data.fill_(torch.nan)
    row = Relearned(steps=1)(subject, context)[0]
    assert row.value is None
    assert "finite" in str(row.reason)


@pytest.mark.parametrize("make", [Asked, Relearned])
@pytest.mark.parametrize("samples", [1, 0, 2.5, True, "10"])
def test_options(make: Any, samples: object) -> None:
    with pytest.raises(UsageError, match=r"samples` must be an integer >= 2"):
        make(samples=samples)
    with pytest.raises(UsageError, match=r"`metric.relearned.steps` must be an integer >= 1"):
        Relearned(steps=samples if samples != 1 and samples is not True else 0)  # type: ignore[arg-type]


def test_samples_under_a_conditional_model_are_asked_under_all_its_classes() -> None:
    model = tiny.trained()
    pixels = tiny_world.dataset().heldout.pixels
    found = unlabelled_losses(model, pixels, seed=0)
    best = unlabelled_losses(tiny_world.trained(), pixels, seed=0)
    assert found.shape == best.shape == (len(pixels),)
    assert abs(found.mean() - best.mean()) < 0.1 * best.mean()  # two bounds on -log p(x) of the same images
