"""Images in class folders with a table of attributes beside them: what is forgotten decides what judges look for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from e2e_world import Run, one_sentence, strokes

Gsu = Callable[..., Any]
LINE = ("dataset=folder", "dataset.name=strokes", "dataset.path=strokes")
SMALL = ("model.hidden=[16]", "model.latent_dim=2", "training.epochs=3", "training.batch_size=30")
FAST = ("method=ascent", "evaluation.samples=30", "metric=[feature_ratio,other_attributes]")


@pytest.fixture
def forget(gsu: Gsu, tmp_path: Path) -> Callable[..., Any]:
    rows = ["file_name,even"]
    for i, (image, label) in enumerate(zip(*strokes(60, 1), strict=True)):
        name = f"{('lying', 'standing', 'leaning')[int(label)]}/{i}.png"
        (tmp_path / "strokes" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.numpy()).save(tmp_path / "strokes" / name)
        rows.append(f"{name},{1 - i % 2}")
    (tmp_path / "strokes" / "metadata.csv").write_text("\n".join(rows))
    assert gsu("train", *LINE, *SMALL, "hydra.run.dir=vae").code == 0
    weights = "checkpoint.path=vae/model.safetensors"
    return lambda *words: gsu("unlearn", *LINE, weights, *FAST, *words)


def measured(folder: Path) -> dict[str, Any]:
    found = Run(folder).record["measurements"]
    return {m["name"]: m for m in found if m["judge"] == "knn" and m["subject"] == "unlearned"}


def test_a_class_is_looked_for_among_classes(forget: Gsu, gsu: Gsu, tmp_path: Path) -> None:
    typed = forget("forget.class=lying", "hydra.run.dir=a_class")
    assert (typed.code, typed.err) == (0, ""), typed
    assert "train one with `gsu train model=judge_cnn training=judge dataset=folder" in typed.out
    assert measured(tmp_path / "a_class")["feature_ratio"]["n"] == 30
    (knn,) = (j for j in Run(tmp_path / "a_class").record["judges"] if j["name"] == "knn")
    assert knn["classes"] == 3
    judge = gsu("train", *LINE, "model=judge_cnn", "model.width=4", "training=judge", "training.epochs=1")
    path = judge.out.rsplit("path=", 1)[1].strip()
    assert forget("forget.class=lying", f"judge.cnn.path={path}").code == 0
    one_sentence(forget("forget.attribute=even", f"judge.cnn.path={path}"), 1, "must hold a judge of attributes")


def test_an_attribute_is_looked_for_among_attributes(forget: Gsu, tmp_path: Path) -> None:
    typed = forget("forget.attribute=even", "hydra.run.dir=an_attribute")
    assert "train one with `gsu train model=attribute_cnn training=judge" in typed.out
    assert measured(tmp_path / "an_attribute")["feature_ratio"]["n"] == 30


def test_attributes_that_no_judge_of_classes_looks_at_are_said(forget: Gsu, tmp_path: Path) -> None:
    forget("forget.class=lying", "metric.other_attributes.names=[even]", "hydra.run.dir=named")
    reason = next(m["reason"] for m in Run(tmp_path / "named").record["measurements"] if "even" in m["name"])
    assert reason == "judges tell classes apart where a class is forgotten"
