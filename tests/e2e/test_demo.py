"""The main job as `make demo` runs it: real digits, weights that ship, default settings, no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2e_world import runs
from gsu_cli.report.numbers import change
from gsu_cli.run.record import Record, read_record


def moved(record: Record, name: str, judge: str | None = None, to: str = "unlearned") -> float:
    found = change(record.find(name, "original", judge), record.find(name, to, judge))
    assert found is not None
    return found.value


def test_the_ones_are_forgotten(type_line: Callable[..., Any], tmp_path: Path) -> None:
    typed = type_line("unlearn", "dataset=mnist", "dataset.download=false", "forget.class=1", cwd=tmp_path)
    assert (typed.code, typed.err) == (0, "")
    (run,) = runs(tmp_path)
    record = read_record(run.folder)
    assert moved(record, "feature_ratio", "cnn") <= -0.80
    assert moved(record, "feature_ratio", "knn") <= -0.55
    assert moved(record, "heldout_loss_retain") <= 0.015
    assert moved(record, "frechet_distance", "cnn") <= 0.0
    assert moved(record, "feature_ratio", "cnn", to="retrained") <= -0.80, "the one that ships stands beside"
    assert all(m.n >= 10_000 for m in record.measurements if m.name == "feature_ratio" and m.subject != "data")
    assert record.update["details"]["budget_spent"] <= 0.01
    notes = [line for line in typed.out.splitlines() if line.startswith("NOTE")]
    assert notes
    assert all(typed.out.count(note.removeprefix("NOTE  ")) == 1 for note in notes), "said once"
    assert "5,000 digits instead of 70,000" in " ".join(typed.out.split())
