"""Probes of conditional models: every model is asked for the same classes, and losses are given what was asked for."""

from __future__ import annotations

import torch

import tiny_conditional
import tiny_world
from gsu_cli.audit.base import Audited, Case
from gsu_cli.audit.fine_tuning import Relearning
from gsu_cli.audit.likeness import Likeness
from gsu_cli.data.base import Images
from gsu_cli.evaluation.context import EvaluationContext
from gsu_cli.run.record import Record
from gsu_cli.verbs.audit import _guidance


def case() -> Case:
    before, goal = tiny_conditional.trained(), tiny_conditional.retrained()
    models = {"original": before, "unlearned": before, "retrained": goal}
    split = tiny_world.split()
    audited = {name: Audited(name, model, "ab"[model is goal]) for name, model in models.items()}
    return Case(split, audited, [], EvaluationContext(split, {}, {}, seed=0), repeats=2)


def test_every_model_is_asked_for_the_same_classes_the_forgotten_one_among_them() -> None:
    known = case()
    original, goal = (known.samples(known.models[name].model, 300) for name in ("original", "retrained"))
    assert torch.equal(original.labels, goal.labels)
    assert 1 in original.labels
    shown = tiny_conditional.shows(original.floats())
    assert (shown == original.labels).double().mean() > 0.9, "a label is what was asked for"


def test_samples_are_likely_given_what_was_asked_for() -> None:
    """The labels that likeness gives to the losses: with those of other classes the same samples are unlikely."""
    known = case()
    model = known.models["original"].model
    samples = known.samples(model, 200)
    wrong = Images(samples.pixels, torch.full_like(samples.labels, 8))
    asked, other = (known.losses_of(model, images, "likeness").mean() for images in (samples, wrong))
    assert asked < other
    found = Likeness(samples=200)(known).measurements
    now = next(m for m in found if (m.name, m.subject) == ("gap_to_retrained", "unlearned"))
    assert now.value is not None
    assert now.value > 0, "the original is not the retrained model"


def test_a_sentence_says_how_many_images_were_given_back() -> None:
    probe, known = Relearning(at=[1], samples=10, given=5000), case()
    n = known.split.n_forget
    assert f"with {n:,} forgotten images given back" in probe(known).sentences[0]


def test_the_guidance_of_a_run_is_read_off_its_record() -> None:
    assert _guidance(Record("unlearn", config={"evaluation": {"guidance": 2}})) == 2.0
    assert _guidance(Record("unlearn", config={"evaluation": {"guidance": None}})) is None
    assert _guidance(Record("unlearn")) is None
