"""Runs of one search measure the original once; of options that decide on which images, each for itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gsu_cli.solvers.at_start import READ, AtStart
from gsu_cli.unlearning.shared import Shared

OPTIONS = {"target": "auto", "retain_images": 40, "forget_images": 30, "budget_images": 20, "pilot_images": 10}


def asked(task: Any, *, shares: bool = True, **other: Any) -> list[str]:
    """Which of two runs measured, both of one search, the second with ``other`` options."""
    made: list[str] = []
    for run, options in (("first", {}), ("second", other)):
        method = SimpleNamespace(**{**OPTIONS, "encoder": "kept", **options})
        AtStart.of(task, method, shares=shares)("budget", lambda run=run: made.append(run))  # type: ignore[misc]
    return made


@pytest.fixture
def task() -> Any:
    return SimpleNamespace(shared=Shared(keeps=True))


def test_the_same_options_measure_once(task: Any) -> None:
    assert asked(task) == ["first"]
    assert asked(task, shares=False) == ["first", "second"]


@pytest.mark.parametrize("option", READ)
def test_other_images_are_measured_anew(task: Any, option: str) -> None:
    assert asked(task, **{option: "other"}) == ["first", "second"]
