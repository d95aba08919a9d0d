"""A step after which own samples still show what was to go: Newton's ascent instead, where it leaves half as much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.methods.fisher_surgery import FisherSurgery
from gsu_cli.report.step import finish
from gsu_cli.run.record import Record
from gsu_cli.solvers.own_share import OwnShare
from gsu_cli.unlearning.contract import Update
from gsu_cli.unlearning.unlearn import unlearn
from tiny_world import same, weights


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the few images of a tiny world were enough to spare."""
    monkeypatch.setattr("gsu_cli.solvers.auto_options.ENOUGH", 100)


def run(**options: Any) -> tuple[dict[str, torch.Tensor], Update]:
    model, update = unlearn(
        tiny_world.trained(), tiny_world.split(), FisherSurgery(**options),
        generator=torch.Generator().manual_seed(0), diagnostics=False,
    )  # fmt: skip
    return weights(model), update


def shows(monkeypatch: pytest.MonkeyPatch, *shares: float) -> None:
    """As if the discriminant saw so much, look after look."""
    seen: Iterator[float] = iter(shares)
    monkeypatch.setattr(OwnShare, "__call__", lambda *_: next(seen))


def by_solver(update: Update) -> list[tuple[Any, bool]]:
    return [(shot.get("solver"), shot["chosen"]) for shot in update.details["shots"]]


def test_where_little_is_left_nothing_else_is_tried() -> None:
    found, update = run()
    own = update.details["own_samples"]
    assert own["before"] > 0.1
    assert own["step"] == own["after"] <= 0.4 * own["before"]
    assert own["taken"] == "step"
    assert finish(Record("unlearn", update={"shots": 1, "details": update.details})) == [
        "the last layer was refitted in closed form, for 50% of the budget"
    ]
    assert "ascent" not in own
    typed, alone = run(solver="kfac")
    assert same(found, typed)
    assert "own_samples" not in alone.details, "a solver that is typed is taken"


def test_what_real_images_show_as_often_is_nothing_to_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.4 of a rare thing is fewer than the discriminant's own false alarms."""
    monkeypatch.setattr(OwnShare, "floor", 0.02)
    shows(monkeypatch, 0.02, 0.015)
    assert by_solver(run()[1])[-1] == (None, True), "no third look"
    shows(monkeypatch, 0.04, 0.025, 0.02)
    assert ("ascent", False) in by_solver(run()[1])


def test_what_leaves_less_is_taken_within_the_same_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    shows(monkeypatch, 0.5, 0.3, 0.15)
    found, update = run()
    own = update.details["own_samples"]
    assert (own["before"], own["step"], own["ascent"], own["after"], own["taken"]) == (0.5, 0.3, 0.15, 0.15, "ascent")
    assert by_solver(update) == [(None, False), (None, False), ("ascent", True)]
    assert update.details["finish"] == {"share": 0.5, "taken": 0}
    assert update.details["solver"] == "ascent"
    assert 0 < update.details["budget_spent"] <= 0.01 * (1 + 1e-5)
    (said,) = finish(Record("unlearn", update={"shots": 1, "details": update.details}, split={"forget": "class 1"}))
    assert "still saw class 1 in 30.0% of the model's samples (50.0% before), after Newton's ascent in 15.0%" in said
    assert not same(found, run_kfac(monkeypatch)[0])


def test_what_leaves_more_than_half_as_much_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    shows(monkeypatch, 0.5, 0.3, 0.16)
    found, update = run()
    assert update.details["own_samples"]["taken"] == "step"
    assert by_solver(update) == [(None, False), ("ascent", False), (None, True)]
    assert update.details["finish"]["taken"] == 1
    typed, alone = run_kfac(monkeypatch)
    assert same(found, typed)
    tried, costs = (u.details["cost"] for u in (update, alone))
    assert tried["gradients"] == costs["gradients"] + update.details["images"]["forget"], "what it ascends is counted"
    assert tried["forward"] > costs["forward"]


@pytest.mark.parametrize("options", [{"shots": 2, "finish": 0.5}, {"finish": None}])
def test_where_nothing_would_ask_it_no_sample_is_made(options: dict[str, Any]) -> None:
    """Several steps would be judged in the midst; without a refit of the last layer there is no look at all."""
    _, update = run(target="discriminant", **options)
    details = update.details
    assert details["target"]["kind"] == "discriminant"
    assert "own_samples" not in details
    parts = [details["images"][part] for part in ("retain", "forget")]
    assert details["cost"]["generated"] == sum(n + n - n // 10 for n in parts), "a tenth is kept back of the fit"
    said = finish(Record("unlearn", update={"shots": update.shots, "details": details}))
    assert bool(said) == (options["finish"] is not None)


def run_kfac(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, torch.Tensor], Update]:
    monkeypatch.undo()
    monkeypatch.setattr("gsu_cli.solvers.auto_options.ENOUGH", 100)
    return run(solver="kfac")
