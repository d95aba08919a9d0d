"""The main job from the line typed to the folder left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import forked
from e2e_world import World, runs, strays
from gsu_cli.run.configs import conf_dir

Gsu = Callable[..., Any]
SHORTER = {
    "retrain": ["method.epochs=2"],
    "finetune": ["method.batch_size=30"],
    "joint_redirect": ["method.steps=60"],  # as many as it needs to look at its budget
    "moon": ["method.steps=20", "method.n_generated=2000"],
    "selective_amnesia": ["method.steps=20", "method.n_fisher=200", "method.n_replay=400"],
    **{
        name: ["method.steps=20"] for name in ("neggrad_plus", "salun", "sfr_on", "siss", "siss_norm", "torchjd", "uno")
    },
}
OF_DENOISERS = {"erasediff", "esd", "uce"}  # these need noise levels or conditions: tests/methods/test_families.py
METHODS = sorted(path.stem for path in (conf_dir() / "method").glob("*.yaml") if path.stem not in OF_DENOISERS)
FIELDS = {
    "verb", "schema", "status", "error", "command", "started", "config", "config_hash", "seeds", "git", "versions",
    "device", "seconds", "peak_memory_mb", "inputs", "outputs", "split", "notes", "training", "update", "curve",
    "judges", "transitions", "verdict", "measurements",
}  # fmt: skip
NAMES = {
    "feature_ratio", "feature_ratio_reconstructions", "heldout_loss_retain", "heldout_loss_forget",
    "sample_nll_retrained", "frechet_distance", "inception_score", "abstention", "variety",
}  # fmt: skip
IDENTITY = {"retained_shift", "retained_shift_features", "gained", "retained_moved"}  # of the unlearned alone


def measured(record: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Everything about the numbers, for comparison to the last digit."""
    return [tuple(sorted(m.items())) for m in record["measurements"]]


@pytest.fixture(scope="module")
def measured_once(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What every method's run measures of the same two models and judges, as users' later lines read it."""
    return f"paths.measured_dir={tmp_path_factory.mktemp('measured')}"


@pytest.mark.parametrize("method", METHODS)
def test_a_run(world: World, gsu: Gsu, tmp_path: Path, measured_once: str, method: str) -> None:
    retrained = f"checkpoint.retrained={world.retrained.folder / 'model.safetensors'}"
    typed = gsu(*world.unlearn(f"method={method}", *SHORTER.get(method, []), retrained, measured_once))
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    assert run.files() == [".hydra", "gsu.log", "record.json", "samples.png", "summary.md", "unlearned.safetensors"]
    assert strays(tmp_path) == []
    record = run.record
    assert set(record) == FIELDS
    assert (record["verb"], record["status"], record["error"]) == ("unlearn", "done", None)
    assert record["command"][:2] == ["gsu", "unlearn"]
    assert record["split"]["n_forget"] == 60
    assert record["split"]["n_retain"] == 120
    assert record["split"]["n_heldout"] == 90
    assert set(record["seeds"]) == {"train", "unlearn", "evaluate"}
    assert {"load", "unlearn", "evaluate", "report", "total"} <= set(record["seconds"])
    update = record["update"]
    assert update["method"] == method
    assert update["step_norm"] > 0
    assert update["relative_norm"] > 0
    moved = any(not torch.equal(v, run.weights("unlearned")[k]) for k, v in world.trained.weights("model").items())
    assert moved, "the weights are the original's"
    assert method in typed.out or "class 1" in typed.out
    assert record["verdict"]["headline"] in " ".join(typed.out.split())
    assert set(record["transitions"]["judged"]) == {"cnn", "knn"}
    assert typed.out.splitlines()[-1] == f"all of it lies in {run.folder}"


def test_all_is_measured_on_the_weights_that_lie_on_disk(world: World, gsu: Gsu, tmp_path: Path) -> None:
    from gsu_cli.run.files import sha256_of

    retrained = world.retrained.folder / "model.safetensors"
    assert gsu(*world.unlearn(f"checkpoint.retrained={retrained}")).code == 0
    (run,) = runs(tmp_path)
    files = {"original": world.vae, "unlearned": run.folder / "unlearned.safetensors", "retrained": retrained}
    by_subject = {name: sha256_of(path) for name, path in files.items()}
    found = run.record["measurements"]
    for name, sha256 in by_subject.items():
        own = [m for m in found if m["subject"] == name]
        assert {m["name"] for m in own} - IDENTITY == NAMES
        assert any(m["name"] in IDENTITY for m in own) == (name == "unlearned")
        assert {m["sha256"] for m in own} == {sha256}
        assert {m["judge"] for m in own if m["name"] == "feature_ratio"} == {"cnn", "knn"}
    assert {m["name"] for m in found if m["subject"] == "data"} == {
        "feature_ratio",
        "sample_nll_retrained",
        "variety",
        "frechet_distance",
        "inception_score",
    }
    assert run.record["inputs"]["retrained"]["about"]["forget"] == "class_1"
    assert {j["name"] for j in run.record["judges"]} == {"cnn", "knn"}


def test_the_same_command_twice(world: World, gsu: Gsu, tmp_path: Path) -> None:
    line = world.unlearn("method.budget=0.03")
    assert [gsu(*line).code, gsu(*line).code] == [0, 0]
    one, two = runs(tmp_path)
    first, second = one.weights("unlearned"), two.weights("unlearned")
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert measured(one.record) == measured(two.record)
    assert one.record["config_hash"] == two.record["config_hash"]
    other = gsu(*line, "seeds.evaluate=1")
    assert other.code == 0
    third = runs(tmp_path)[-1]
    assert measured(third.record) != measured(one.record), "fresh latents"
    assert all(torch.equal(first[k], v) for k, v in third.weights("unlearned").items()), "the evaluation moves nothing"


def test_two_started_at_once(world: World, tmp_path: Path) -> None:
    words = world.unlearn("method=ascent", "metric=[heldout_loss_retain]")
    both = [forked.line(*words, cwd=tmp_path, said=tmp_path) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    one, two = runs(tmp_path)
    assert [one.record["status"], two.record["status"]] == ["done", "done"]
    assert measured(one.record) == measured(two.record)


def test_a_retrained_model_trained_on_the_spot(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("retrain=true", "method=ascent"))
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    assert "retrained.safetensors" in run.files()
    own, retrained = run.weights("retrained"), world.retrained.weights("model")
    assert all(torch.equal(own[k], v) for k, v in retrained.items()), (
        "the recipe and seed of the checkpoint: the same model"
    )


@pytest.mark.parametrize(
    ("forget", "n"),
    [
        ("forget.class=[0,2]", 120),
        ("forget.sample=[3,17,42]", 3),
        ("forget.sample=some.txt", 2),
        ("forget.fraction=0.1", 18),
        ("forget.class=1 forget.fraction=0.5", 30),
    ],
)
def test_what_can_be_forgotten(world: World, gsu: Gsu, tmp_path: Path, forget: str, n: int) -> None:
    (tmp_path / "some.txt").write_text("5\n# a comment\n9\n", encoding="utf-8")
    typed = gsu(
        *world.unlearn(*forget.split(), forget=None), "method=ascent", "metric=[feature_ratio,heldout_loss_retain]"
    )
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    assert run.record["split"]["n_forget"] == n
    for m in run.record["measurements"]:
        assert (m["value"] is None) == (m["reason"] is not None)


def test_what_cannot_be_judged_is_null_with_a_reason(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*(word for word in world.unlearn("method=ascent") if not word.startswith("judge.cnn.path")))
    assert typed.code == 0
    (run,) = runs(tmp_path)
    cnn = [m for m in run.record["measurements"] if m["judge"] == "cnn"]
    assert cnn
    assert all(m["value"] is None and "no CNN judge ships for strokes" in m["reason"] for m in cnn)
    assert "no CNN judge ships for strokes" in typed.out
