"""`gsu train leave_out.models=...`: a design of the small world, found again, and the lines that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from e2e_world import World, runs
from gsu_cli.audit.leave_out import read_design

Gsu = Callable[..., Any]
DESIGN = ("training.epochs=2", "leave_out.repeats=1", "leave_out.latents=2", "leave_out.workers=1")


def test_a_design_is_trained_once_and_found_again(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.train(*DESIGN, "leave_out.models=4", "hydra.run.dir=first"))
    assert (typed.code, typed.err) == (0, ""), typed
    design = read_design(tmp_path / "first")
    assert (design.trained_on.shape, set(design.losses)) == ((4, 180), {"loss", "iwae"})
    assert design.losses["loss"].shape == (4, 270), "training images, then held-out ones"
    assert float((design.losses["loss"] - design.losses["iwae"]).mean()) > 0, "the tighter bound lies below"
    most = int(design.memorisation()[0].argmax())
    assert f"the most memorised images: forget.sample=[{most}," in typed.out
    value, half = design.memorisation()
    shown = int((value > half).sum())
    assert f"memorisation is shown of {shown / 180:.1%} of the images; chance alone gives 2.5%" in typed.out
    assert (tmp_path / "first/memorised.png").read_bytes().endswith(b"IEND\xaeB`\x82")
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "outputs/leave_out").rglob("?.safetensors")}
    assert len(kept) == 4
    next(iter(kept)).unlink()
    typed = gsu(*world.train(*DESIGN, "leave_out.models=6", "hydra.run.dir=second"))
    assert "3 of 6 models were trained earlier" in typed.out
    more = read_design(tmp_path / "second")
    assert torch.equal(more.trained_on[:4], design.trained_on)
    assert torch.allclose(more.losses["loss"][:4], design.losses["loss"], atol=0.05), "trained anew, the same"
    record = next(r for r in runs(tmp_path) if r.folder.name == "second").record
    assert record["outputs"]["leave_out"] == {"path": "leave_out.safetensors", "sha256": more.sha256, "models": 6}


@pytest.mark.slow
def test_workers_give_the_same_losses(world: World, gsu: Gsu, tmp_path: Path) -> None:
    for workers in (1, 2):
        line = (*DESIGN[:3], "leave_out.models=4", f"leave_out.workers={workers}")
        places = (f"paths.output_dir=out{workers}", f"hydra.run.dir=run{workers}")
        assert gsu(*world.train(*line, *places)).code == 0
    assert read_design(tmp_path / "run1").sha256 == read_design(tmp_path / "run2").sha256


def test_a_damaged_model_is_named(world: World, gsu: Gsu, tmp_path: Path) -> None:
    line = world.train(*DESIGN, "training.epochs=1", "leave_out.models=4")
    assert gsu(*line).code == 0
    path = next((tmp_path / "outputs/leave_out").rglob("2.safetensors"))
    path.write_bytes(b"junk")
    typed = gsu(*line)
    assert typed.code == 1
    assert "the losses of a model that was trained earlier must be whole" in typed.err
    assert f"Remove {path.relative_to(tmp_path)} to have it trained again" in typed.err


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("leave_out.models=3",), "`leave_out.models` must be a multiple of `leave_out.folds`, at least twice that"),
        (("leave_out.models=-2",), "`leave_out.models` must be an integer >= 0"),
        (("leave_out.models=4", "leave_out.folds=x"), "`leave_out.folds` must be an integer >= 2"),
        (("leave_out.models=4", "forget.class=1"), "`leave_out.models` must stand without forget"),
        (("leave_out.models=4", "resume=x"), "`leave_out.models` must stand without resume"),
        (("leave_out.models=800", "leave_out.folds=200"), "at most the number of training images"),
        (("leave_out.models=4", "leave_out.workers=0"), "`leave_out.workers` must be an integer >= 1"),
        (("leave_out.models=4", "model=judge_cnn"), "needs a generator with a training loss of each image"),
        (("leave_out=4",), "`leave_out` must stay a group of settings"),
    ],
)
def test_bad_lines(world: World, gsu: Gsu, tmp_path: Path, words: tuple[str, ...], rule: str) -> None:
    line = ["train", *world.data, *words] if "model=judge_cnn" in words else world.train(*words)
    typed = gsu(*line)
    assert typed.code == 2, typed
    assert rule in typed.err, typed.err
    assert "Traceback" not in typed.err
    assert not list(tmp_path.rglob("leave_out.safetensors"))


def test_a_run_says_where_a_forgotten_image_stands(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn(forget="forget.sample=[4]"))
    assert (typed.code, typed.err) == (0, ""), typed
    (run,) = runs(tmp_path)
    bound = run.record["update"]["details"]["sample_bound"]
    assert bound["increase"] <= 1.001 * bound["expected_increase"]
    assert bound["expected_increase"] > 0
    assert "the forgotten image stands at percentile" in typed.out
    shots = [shot for shot in run.record["update"]["details"]["shots"] if "step_within_bounds" in shot]
    free = all(shot["step_within_bounds"] >= shot["step_within_budget"] for shot in shots)
    end = ", and would end the step, which ended before" if free else ", and ends the step"
    lowered = "; the step did not raise it, so none was forgotten by it"
    assert f"is expected of images never trained on{lowered if bound['increase'] < 0 else end}" in " ".join(
        typed.out.split()
    )
    names = {(m["name"], m["subject"]) for m in run.record["measurements"]}
    assert {("unseen_percentile", "original"), ("unseen_percentile", "unlearned")} <= names


def test_an_audit_with_a_design(world: World, gsu: Gsu, tmp_path: Path) -> None:
    shape = ("training.epochs=6", "leave_out.models=6", "hydra.run.dir=design")
    assert gsu(*world.train(*DESIGN, *shape)).code == 0
    assert (
        gsu(*world.unlearn("metric=[percentile]", "hydra.run.dir=run", forget="forget.sample=[4,9,20,31,50]")).code == 0
    )
    line = ("audit", "run=run", "audit=samples", "repeats=2", "audit.memorisation.leverages=20")
    typed = gsu(*line, "design=design", "hydra.run.dir=audit")
    assert (typed.code, typed.err) == (0, ""), typed
    found = json.loads((tmp_path / "audit/audit.json").read_text(encoding="utf-8"))
    attacks = found["probes"]["likelihood_ratio"]["measurements"]
    (least,) = [m["low"] for m in attacks if m["name"] == "auc_online_in"]
    assert least < 0.5, "six epochs on 180 images memorise nothing that six models would show"
    assert "not shown that the likelihood ratio tells models that were trained on the forgotten images" in typed.out
    names = {m["name"] for m in found["probes"]["memorisation"]["measurements"] if m["value"] is not None}
    (low,) = [m["low"] for m in found["probes"]["memorisation"]["measurements"] if m["name"] == "memorisation"]
    shown = low is None or low > 0
    assert ("5 forgotten images are memorised by" in typed.out) == shown
    assert ("not shown that the 5 forgotten images are memorised: by" in typed.out) != shown
    assert {"memorisation", "memorisation_iwae", "percentile_left_out", "shift_slope", "leverage_slope"} <= names
    record = json.loads((tmp_path / "audit/record.json").read_text(encoding="utf-8"))
    assert record["inputs"]["design"]["sha256"] == read_design(tmp_path / "design").sha256
    typed = gsu(*line, "hydra.run.dir=without")
    assert "needs a leave-out design" in typed.out
    other = ("training.epochs=1", "leave_out.models=4", "hydra.run.dir=other")
    assert gsu(*world.train(*DESIGN, *other)).code == 0
    typed = gsu(*line, "design=other")
    assert typed.code == 1
    assert "`design` must be of the data, the architecture and the recipe of the original" in typed.err
    assert "recipe (epochs) 1 instead of 6" in typed.err
    assert "must be a folder of `gsu train leave_out" in gsu(*line, "design=nowhere").err
