"""Whatever stands in a method's details or a judge's trust report: no sentence, verdict or page of a run stumbles."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from gsu_cli.report import summary
from gsu_cli.report.compact import compact
from gsu_cli.report.html.diagnostics import diagnostics
from gsu_cli.report.overview import tables
from gsu_cli.report.verdict import verdict
from gsu_cli.run.record import Record

LEVEL = {"expected_increase": 3.0, "increase": 2.0, "loss_before": 50.0}
TURNED = {"retained": 50, "gained": 3, "dealt": 4, "at_most": 9}
DETAILS: dict[str, Any] = {
    "budget": 0.01, "budget_spent": 0.009, "loss_unit": "nats/image", "no_bound": "it has none",
    "calibration": {
        "option": "lr", "strength": 0.1, "reason": None, "relative_increase": 0.01, "budget": 0.01, "images": 500,
        "words": "retain loss", "latents": 2, "rate": {"lr": 0.1}, "trials": [{}, {}],
    },
    "class_level": LEVEL, "sample_bound": LEVEL,
    "encoder": {"moved": True, "longer": 1.0, "spent_before": 0.01},
    "finish": {"taken": 1, "share": 0.4}, "images": {"budget": 500},
    "own_drift": {"spent": 0.1, "budget": 0.3, "unit": "share of the variance", "transitions": TURNED},
    "own_samples": {"taken": "ascent", "step": 0.1, "before": 0.2, "ascent": 0.05},
    "retain_cost": {"words": "drift", "unit": "share of the variance"},
    "shots": [{"step_within_bounds": 1.0, "step_within_budget": 0.5}],
    "target": {"kind": "expected", "retained_there": {"images": 12.5, "share": 0.4}},
    "cost": {"gradient_evaluations_per_image": 1.2},
    "movement_per_layer": {"a": 0.1}, "diagnostics": {"cosine": {"a": 1}},
}  # fmt: skip
ODD: list[Any] = [None, -1, "x", [None], {"a": {"b": "c"}}, float("nan"), 10**400]
GONE = object()


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every path below a mapping."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield (*path, name)
        yield from places(inner, (*path, name))


def read(record: Record) -> str:
    """All that reads them, and the summary."""
    verdict(record), tables([record], ["method"]), diagnostics(record), compact(record)
    summary.render(record, "here", Console(file=io.StringIO(), width=80))
    return summary.summary_markdown(record)


def changed(whole: Any, path: tuple[str, ...], value: Any) -> Any:
    found = here = copy.deepcopy(whole)
    for name in path[:-1]:
        here = here[name]
    if value is GONE:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return found


@pytest.fixture
def noting(record: Record) -> Record:
    record.update |= {"details": DETAILS, "shots": 1}
    return record


def test_all_of_them_are_said(noting: Record) -> None:
    said = read(noting)
    for words in ("strength: lr=0.1", "is expected of images never", "encoder followed", "after Newton's ascent in 5",
                  "drift: 0.90% of 1.00%", "on 50 own samples", "in effect by 12.5 of them"):  # fmt: skip
        assert words in said, words


@pytest.mark.parametrize("name", DETAILS)
def test_whatever_is_noted(noting: Record, name: str) -> None:
    for path in places({name: DETAILS[name]}):
        for value in (*ODD, GONE):
            noting.update["details"] = changed(DETAILS, path, value)
            assert "CNN" in read(noting), (path, value)


def test_whatever_a_judge_says_of_itself(record: Record) -> None:
    judges = record.judges
    for path in places(judges[1]["trust"]):
        for value in (*ODD, GONE):
            record.judges = [judges[0], {**judges[1], "trust": changed(judges[1]["trust"], path, value)}, judges[2]]
            assert "CNN" in read(record), (path, value)
