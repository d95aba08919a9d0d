"""A logger hears of a run of a verb: epochs, the update, what was measured, and how it ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import World, runs

Gsu = Callable[..., Any]
NOTES = """
import json
class Notes:
    def __init__(self, fail_at=None): self.heard, self.fail_at = [], fail_at
    def start(self, folder, name, params):
        self.path, self.heard = folder / "notes.json", [["start", name, params["seed"]]]
    def log(self, name, value, step):
        if name == self.fail_at: raise OSError("the server is gone")
        self.heard.append([name, value, step])
    def finish(self, status): self.path.write_text(json.dumps([*self.heard, ["finish", status]]))
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[Any]]]:
    (tmp_path / "notes_logger.py").write_text(NOTES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return lambda: json.loads(next((tmp_path / "outputs").rglob("notes.json")).read_text())


OURS = ("logger._target_=notes_logger.Notes",)


def test_training(world: World, gsu: Gsu, tmp_path: Path, notes: Callable[[], list[list[Any]]]) -> None:
    typed = gsu(*world.train(*OURS, "seed=4", "training.epochs=3"))
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    losses = run.record["training"]["losses"]
    epochs = [["train/loss", loss, epoch] for epoch, loss in enumerate(losses, 1)]
    assert notes() == [["start", "train", "4"], *epochs, ["finish", "done"]]


def test_unlearning(world: World, gsu: Gsu, tmp_path: Path, notes: Callable[[], list[list[Any]]]) -> None:
    more = ["metric=[feature_ratio]", "method.batch_size=30", "method.steps=20"]
    typed = gsu(*world.unlearn(*OURS, "method=neggrad_plus", *more))
    assert (typed.code, typed.err) == (0, ""), typed.err
    heard = {(name, step): value for name, value, step in (h for h in notes() if len(h) == 3)}
    (run,) = runs(tmp_path)
    record = run.record
    assert heard["update/step_norm", 0] == record["update"]["step_norm"]
    path = record["update"]["details"]["trajectory"]
    assert [heard["trajectory/retain", k] for k in path["step"]] == path["retain"]
    ratios = {m["judge"]: m["value"] for m in record["measurements"] if m["subject"] == "unlearned"}
    assert {judge: heard[f"unlearned/feature_ratio/{judge}", 0] for judge in ("cnn", "knn")} == ratios


def test_a_failed_run(world: World, gsu: Gsu, notes: Callable[[], list[list[Any]]]) -> None:
    assert gsu(*world.unlearn(*OURS, "method=ascent", "method.lr=1e30")).code == 1
    assert notes()[-1] == ["finish", "failed"]


def test_a_logger_that_fails_half_way_does_not_stop_the_run(
    world: World, gsu: Gsu, tmp_path: Path, notes: Callable[[], list[list[Any]]]
) -> None:
    typed = gsu(*world.train(*OURS, "+logger.fail_at=train/loss", "training.epochs=2"))
    assert typed.code == 0
    assert typed.out.count("the logger hears no more of this run: OSError: the server is gone") == 1
    (run,) = runs(tmp_path)
    assert run.record["status"] == "done"


def test_who_listens_changes_no_hash(world: World, gsu: Gsu, tmp_path: Path, notes: Any) -> None:
    line = world.train("training.epochs=1")
    assert gsu(*line).code == 0
    assert gsu(*line, *OURS).code == 0
    one, two = (run.record for run in runs(tmp_path))
    assert one["config"]["logger"] != two["config"]["logger"]
    assert one["config_hash"] == two["config_hash"]
    assert one["training"]["losses"] == two["training"]["losses"]


def test_a_logger_without_its_package(world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    typed = gsu(*world.train("logger=wandb"))
    assert typed.code == 2
    assert typed.err.splitlines()[-1] == (
        "gsu: `logger=wandb` needs a package that is optional; found no wandb. Type pip install 'gsu-cli[wandb]'"
    )
