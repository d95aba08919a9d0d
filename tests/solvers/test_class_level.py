"""The loss expected of a class that was never trained on: noted of every class, and on request the end of a step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import tiny_world
from gsu_cli.curvature.fisher import kronecker_fisher
from gsu_cli.errors import UsageError
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.report.summary import unseen_level
from gsu_cli.run.record import Record
from gsu_cli.solvers.class_level import class_level, sensitivity
from gsu_cli.surgery import kronecker
from gsu_cli.surgery.kronecker import KroneckerFisher
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


def forgotten(method: FisherSurgery, **spec: object) -> tuple[dict[str, Tensor], Update]:
    split = tiny_world.split_of(**spec)
    rng = torch.Generator().manual_seed(0)
    model, update = unlearn(tiny_world.trained(), split, method, generator=rng, diagnostics=False)
    return weights(model), update


def fisher_of(label: int) -> KroneckerFisher:
    model, images = tiny_world.trained(), tiny_world.split_of(class_=label).forget_images
    return kronecker_fisher(model, images, list(model.generation_parameters()), seed=0)


def test_sensitivity_is_a_ratio_of_traces() -> None:
    one, other = fisher_of(1), fisher_of(3)
    assert sensitivity(one, one, other) == pytest.approx(1.0)
    assert sensitivity(one, other, other) == pytest.approx(1 / sensitivity(other, one, other))
    twice = replace(one, layers=tuple(replace(x, A=2 * x.A) for x in one.layers))
    assert sensitivity(twice, one, other) == pytest.approx(2.0)
    layers = zip(one.layers, other.layers, strict=True)
    above = beneath = 0.0
    for f, r in layers:  # the same without an eigenbasis
        full, own = torch.kron(f.G, f.A), torch.kron(r.G, r.A)
        P = torch.linalg.inv(own + 0.1 * own.diagonal().mean() * torch.eye(len(own), dtype=own.dtype))
        above, beneath = above + float((full @ P).trace()), beneath + float((own @ P).trace())
    assert sensitivity(one, other, other) == pytest.approx(above / beneath, rel=1e-6)


def test_no_eigenbasis_is_made_for_what_only_a_trace_is_taken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    model, split, fisher = tiny_world.trained(), tiny_world.split(), fisher_of(3)
    forget, others, names = split.forget_images, split.retain_images, fisher.names()
    gone, kept = (kronecker_fisher(model, images, names, seed=0) for images in (forget, others))
    monkeypatch.setattr(kronecker, "eigenbasis", lambda _: pytest.fail("an eigenbasis was made"))
    found = class_level(model, forget, others, fisher, seed=0, ends=False)
    assert found.notes["sensitivity"] == sensitivity(gone, kept, fisher), "to the last bit"


def test_of_a_class_the_level_is_noted_and_ends_nothing() -> None:
    noted, update = forgotten(FisherSurgery(encoder="kept"), class_=1)
    free, without = forgotten(FisherSurgery(encoder="kept", bound="none"), class_=1)
    assert same(noted, free)
    assert without.details["cost"] == update.details["cost"]
    assert "class_level" not in without.details
    found = update.details["class_level"]
    assert not found["ends"]
    assert found["expected_increase"] == pytest.approx(found["divergence"] * found["sensitivity"])
    (line,) = unseen_level(Record("unlearn", update={"details": update.details}))
    assert line.startswith(f"loss of the forgotten images: {found['increase']:+.3g} nats (")
    assert line.endswith("is expected of images never trained on")
    lowered = {"class_level": {**found, "increase": -1.0}}
    (line,) = unseen_level(Record("unlearn", update={"details": lowered}))
    assert line.endswith("; the step did not raise it"), "samples may show it less"


@pytest.mark.parametrize("shots", [1, 3])
def test_on_request_a_step_ends_there(shots: int) -> None:
    _, free = forgotten(FisherSurgery(budget=0.5), class_=8)
    _, update = forgotten(FisherSurgery(budget=0.5, bound="class_level", shots=shots), class_=8)
    found, beyond = update.details["class_level"], free.details["class_level"]
    assert found["ends"]
    assert beyond["increase"] > 1.1 * beyond["expected_increase"]
    assert found["increase"] <= 1.001 * found["expected_increase"]
    assert update.details["budget_spent"] < free.details["budget_spent"]


def test_only_a_class_has_the_level_of_a_class() -> None:
    with pytest.raises(UsageError, match="`method.bound=class_level` needs whole classes to forget"):
        forgotten(FisherSurgery(bound="class_level"), sample=[8])
