"""A GAN by typed lines: it brings its recipe, is measured without a loss, and most methods do not apply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e_world import Run, World, runs, trained_by

TINY = ("model=dcgan", "model.latent_dim=4", "model.channels=[8,8]", "model.critic=[8,8,8]")
SHORT = ("training.epochs=2", "training.batch_size=30", "training.ema=0.9")


@pytest.fixture(scope="module")
def gan(world: World, type_line: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    words = (*world.data, *TINY, *SHORT)
    return trained_by(type_line, words, "trained Dcgan", tmp_path_factory.mktemp("gan"))


def unlearn(world: World, gan: Run, *words: str) -> list[str]:
    return world.unlearn(*words, weights=gan.folder / "model.safetensors")


def test_it_brings_its_recipe(gan: Run) -> None:
    assert gan.record["config"]["training"]["lr"] == 1e-3
    assert gan.record["outputs"]["model"]["kind"] == "generator"


def test_a_method_that_needs_a_loss_is_refused_before_the_data(
    world: World, gan: Run, type_line: Any, tmp_path: Path
) -> None:
    typed = type_line(*unlearn(world, gan, "method=ascent"), cwd=tmp_path)
    assert typed.code == 2
    assert "`method=ascent` needs a model with a training loss; found Dcgan" in typed.err
    assert "On it run finetune, fisher_surgery, moon, retrain; see `gsu show docs/families.md`." in typed.err
    (run,) = runs(tmp_path)
    assert "finetune" not in run.record["error"], "tables say it of many cells"
    assert run.record["status"] == "n/a"
    assert "dataset" not in run.record["inputs"], "nothing was loaded"


def test_it_is_measured_without_a_loss(world: World, gan: Run, type_line: Any, tmp_path: Path) -> None:
    typed = type_line(*unlearn(world, gan, "method=finetune", "method.epochs=1", "method.batch_size=60"), cwd=tmp_path)
    assert typed.code == 0, typed.err
    (run,) = runs(tmp_path)
    rows = {(m["name"], m["subject"], m["judge"]): m for m in run.record["measurements"]}
    for part in ("retain", "forget"):
        for subject in ("original", "unlearned"):
            m = rows[f"heldout_loss_{part}", subject, None]
            assert (m["value"], m["reason"]) == (None, "Dcgan has no loss of an image")
    assert rows["feature_ratio", "unlearned", "cnn"]["n"] == 60
    assert "diagnostics" not in run.record["update"]["details"]

    typed = type_line("audit", f"run={run.folder}", cwd=tmp_path)
    assert typed.code == 2
    assert "needs a training loss; found Dcgan. Type audit=[search], which searches its noise" in typed.err
    some = ("audit.search.images=2", "audit.search.steps=2", "hydra.run.dir=audit")
    typed = type_line("audit", f"run={run.folder}", "audit=[percentile,search]", *some, cwd=tmp_path)
    assert (typed.code, typed.err) == (0, ""), typed
    probes = json.loads((tmp_path / "audit/audit.json").read_text(encoding="utf-8"))["probes"]
    assert [m["reason"] for m in probes["percentile"]["measurements"]] == ["the model lacks a training loss"]
    assert any(m["value"] is not None for m in probes["search"]["measurements"])


def test_a_sweep_in_which_no_method_applies_has_not_failed_and_says_that_nothing_ran(
    world: World, gan: Run, type_line: Any, tmp_path: Path
) -> None:
    typed = type_line(*unlearn(world, gan, "-m", "method=ascent,uno"), cwd=tmp_path)
    assert typed.code == 2, typed.err
    assert "must apply to its model; found n/a in all 2" in typed.err
    assert typed.out.count("n/a") == 2, typed.out
    assert "failed" not in typed.err
    assert not list(tmp_path.rglob("error.txt"))
