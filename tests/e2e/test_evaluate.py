"""`gsu evaluate` agrees with the run to the last digit, and measures any checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import EVALUATION, Run, World, runs

Gsu = Callable[..., Any]

BESIDE = ("retained_shift", "gained", "retained_moved")  # compare with the original at the same latents


@pytest.fixture(scope="module")
def finished(world: World, type_line: Gsu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    retrained = world.retrained.folder / "model.safetensors"
    assert type_line(*world.unlearn(f"checkpoint.retrained={retrained}", "seed=5"), cwd=folder).code == 0
    return runs(folder)[0].folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Run:
    """A copy, which a test may change."""
    return Run(shutil.copytree(finished, tmp_path / "run"))


def test_a_run_again(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu("evaluate", f"run={run.folder}")
    assert (typed.code, typed.err) == (0, ""), typed.err
    again = next(r for r in runs(tmp_path) if r.record["verb"] == "evaluate")
    assert again.record["measurements"] == run.record["measurements"]
    assert again.record["seeds"] == run.record["seeds"]


def test_what_is_typed_wins(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu("evaluate", f"run={run.folder}", "metric=[abstention]", "seed=6").code == 0
    again = next(r for r in runs(tmp_path) if r.record["verb"] == "evaluate")
    assert {m["name"] for m in again.record["measurements"]} == {"abstention"}
    assert again.record["seeds"]["evaluate"] == 6


def test_one_key_of_a_judge_leaves_its_others_as_they_were(run: Run, gsu: Gsu, tmp_path: Path) -> None:
    assert gsu("evaluate", f"run={run.folder}", "judge.knn.k=3", "metric=[feature_ratio]").code == 0
    again = next(r for r in runs(tmp_path) if r.record["verb"] == "evaluate")
    knn = next(judge for judge in again.record["judges"] if judge["name"] == "knn")
    assert (knn["k"], knn["references"]) == (3, 90)
    assert {j["name"] for j in again.record["judges"]} == {"cnn", "knn"}, "the CNN's path is the run's, too"


def test_an_unlearned_file_knows_what_it_forgot(world: World, run: Run, gsu: Gsu, tmp_path: Path) -> None:
    path = run.folder / "unlearned.safetensors"
    retrained = f"checkpoint.retrained={world.retrained.folder / 'model.safetensors'}"
    typed = gsu("evaluate", *world.data, f"checkpoint.path={path}", retrained, *world.judged, *EVALUATION, "seed=5")
    assert (typed.code, typed.err) == (0, ""), typed.err
    again = next(r for r in runs(tmp_path) if r.record["verb"] == "evaluate")
    assert again.record["split"]["forget"] == "class 1"
    own = [m for m in again.record["measurements"] if m["subject"] == "unlearned"]
    alone = {"change_low": None, "change_high": None}  # a change needs the original beside it, and so have these
    assert own == [
        {**m, **alone}
        for m in run.record["measurements"]
        if m["subject"] == "unlearned" and not m["name"].startswith(BESIDE)
    ]
    beside = [
        m for m in run.record["measurements"] if m["name"] == "heldout_loss_retain" and m["subject"] == "unlearned"
    ]
    assert [m["change_low"] < m["change_high"] for m in beside] == [True]


def test_a_plain_checkpoint_needs_no_forget_spec(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu("evaluate", *world.data, f"checkpoint.path={world.vae}", *world.judged, *EVALUATION)
    assert (typed.code, typed.err) == (0, ""), typed.err
    (again,) = runs(tmp_path)
    by_name = {(m["name"], m["subject"]): m for m in again.record["measurements"]}
    assert by_name["heldout_loss_retain", "original"]["n"] == 90
    assert by_name["feature_ratio", "original"]["value"] is None


def test_weights_that_changed_since_are_refused(run: Run, gsu: Gsu, world: World) -> None:
    (run.folder / "unlearned.safetensors").write_bytes(world.vae.read_bytes())
    typed = gsu("evaluate", f"run={run.folder}")
    assert typed.code == 1
    assert "must be those that the run measured" in typed.err


@pytest.mark.parametrize("verb", ["evaluate", "audit"])
@pytest.mark.parametrize(
    ("part", "key", "facts", "named"),
    [
        ("inputs", "checkpoint", None, "original"),
        ("inputs", "checkpoint", {"sha256": "0"}, "original"),
        ("outputs", "unlearned", {"path": "unlearned.safetensors"}, "unlearned"),
        ("inputs", "retrained", {"sha256": "0"}, "retrained"),
    ],
)
def test_a_record_that_does_not_name_its_weights(
    run: Run, gsu: Gsu, verb: str, part: str, key: str, facts: object, named: str
) -> None:
    """Nothing was measured and the line ended well, or in a traceback."""
    record = run.record
    record[part] = {k: v for k, v in record[part].items() if k != key} | ({key: facts} if facts else {})
    (run.folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    typed = gsu(verb, f"run={run.folder}")
    assert (typed.code, typed.err.count("\n")) == (1, 1), typed
    assert f"the record of a run must name its {named} weights, with path and sha256; found none in" in typed.err


@pytest.mark.parametrize("words", [[], ["run=nowhere"], ["run=nowhere", "checkpoint.path=x"]])
def test_what_cannot_be_measured(gsu: Gsu, words: list[str]) -> None:
    typed = gsu("evaluate", *words)
    assert typed.code in (1, 2)
    assert "Traceback" not in typed.err
    assert typed.err.startswith("gsu: ")


def test_the_same_numbers_whether_they_are_read_or_worked_out(
    run: Run, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSU_MEASURED_DIR", str(tmp_path / "measured"))
    for _ in range(2):
        typed = gsu("evaluate", f"run={run.folder}")
        assert (typed.code, typed.err) == (0, ""), typed.err
    found = [r.record for r in runs(tmp_path) if r.record["verb"] == "evaluate"]
    assert [(m["read"] > 0, m["worked_out"] > 0) for m in (r["inputs"]["measured"] for r in found)] == [
        (False, True),
        (True, False),
    ]
    for record in found:
        for field in ("measurements", "judges", "transitions"):
            assert record[field] == run.record[field], field
    assert "measured" not in run.record["inputs"]


@pytest.mark.parametrize("verb", ["evaluate", "audit"])
def test_a_record_without_its_config(run: Run, gsu: Gsu, verb: str) -> None:
    """The default data set was taken, and the shape of the weights blamed."""
    (run.folder / "record.json").write_text(json.dumps(run.record | {"config": {}}), encoding="utf-8")
    typed = gsu(verb, f"run={run.folder}")
    assert (typed.code, typed.err.count("\n")) == (2, 1), typed
    assert "the record of `run` must hold the config that it ran with; found no `config.dataset` in it." in typed.err
