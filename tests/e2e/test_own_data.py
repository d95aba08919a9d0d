"""Data as people have it, through the command line: what is said, recorded, and which model they get."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gsu_cli.run.checkpoints import load_checkpoint

Gsu = Callable[..., Any]


def write(path: Path, shape: tuple[int, ...]) -> str:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (12, *shape), dtype=np.uint8), np.arange(12) % 3
    np.savez(
        path,
        train_images=images,
        train_labels=labels,
        val_images=images[:3],
        val_labels=labels[:3],
        test_images=images[:4] // 2,
        test_labels=labels[:4],
    )
    return f"dataset.path={path}"


def train(gsu: Gsu, *words: str) -> tuple[Any, dict[str, Any], Any]:
    typed = gsu("train", "dataset=npz", "dataset.name=tiny", "training.epochs=1", "hydra.run.dir=run", *words)
    assert (typed.code, typed.err) == (0, ""), typed
    folder = Path(typed.out.rsplit("path=", 1)[1].strip()).parent
    return typed, json.loads((folder / "record.json").read_text()), load_checkpoint(folder / "model.safetensors").model


def test_counts_and_remarks_are_printed_and_recorded(gsu: Gsu, tmp_path: Path) -> None:
    typed, record, _ = train(gsu, write(tmp_path / "x.npz", (8, 8)))
    assert "train 12; 4 each of 0, 1, 2\n" in typed.out
    assert "held out 4; 0: 2, 1: 1, 2: 1\n" in typed.out
    assert "NOTE  the 3 images of val are not used" in typed.out
    found = record["inputs"]["dataset"]
    assert found["counts"]["heldout"] == {"classes": {"0": 2, "1": 1, "2": 1}, "attributes": {}}
    assert "the 3 images of val are not used" in found["remarks"][0]


def test_repeated_images_are_said(gsu: Gsu, tmp_path: Path) -> None:
    typed, record, _ = train(gsu, write(tmp_path / "x.npz", (8, 8)), "dataset.heldout=val")
    assert "NOTE  3 of the 3 held-out images are training images too, pixel for pixel" in typed.out
    assert "3 of the 3" in record["inputs"]["dataset"]["remarks"][-1]


@pytest.mark.parametrize(
    ("shape", "words", "kind"),
    [
        ((8, 8), (), "MlpVae"),
        ((8, 8, 3), (), "ConvVae"),
        ((32, 32), (), "ConvVae"),
        ((8, 8, 3), ("model=mlp_vae",), "MlpVae"),
        ((8, 8, 3), ("model.hidden=[8]",), "MlpVae"),
        ((9, 9, 3), (), "MlpVae"),
        ((8, 8, 3), ("model=judge_cnn", "training=judge"), "JudgeCnn"),
    ],
)
def test_the_default_model_fits(
    gsu: Gsu, tmp_path: Path, shape: tuple[int, ...], words: tuple[str, ...], kind: str
) -> None:
    typed, record, model = train(gsu, write(tmp_path / "x.npz", shape), *words)
    assert type(model).__name__ == kind
    assert record["config"]["model"]["_target_"].endswith(f".{kind}")
    assert ("model=conv_vae_images, training=faces" in typed.out) == (kind == "ConvVae")
    assert record["config"]["training"]["batch_size"] == (32 if kind == "ConvVae" else 256)
    odd = {"(9, 9, 3)": "cannot be halved evenly", "('model.hidden=[8]',)": "model.hidden is an option of mlp_vae"}
    for case, said in odd.items():
        assert (said in typed.out) == (case in (str(shape), str(words)))


def test_typed_options_hold_for_the_model_that_fits(gsu: Gsu, tmp_path: Path) -> None:
    words = ("model.latent_dim=5", "training.batch_size=7")
    _, record, model = train(gsu, write(tmp_path / "x.npz", (8, 8, 3)), *words)
    assert (model.latent_dim, model.channels) == (5, (32,))
    assert record["config"]["model"]["latent_dim"] == 5
    assert record["config"]["training"]["batch_size"] == 7


def test_a_line_without_weights_is_told_which_were_trained_on_these_images_here(gsu: Gsu, tmp_path: Path) -> None:
    """Not those of other images, not those that never saw some, not a judge."""
    data = write(tmp_path / "x.npz", (8, 8))
    line = ("dataset=npz", "dataset.name=tiny", data)
    (tmp_path / "outputs/train/2030-01-01/00-00-00").mkdir(parents=True)
    (tmp_path / "outputs/train/2030-01-01/00-00-00/record.json").write_text("{", encoding="utf-8")
    assert "Make one with `gsu train dataset=npz" in gsu("unlearn", *line, "forget.class=1").err
    runs = (
        ("01", data),
        ("02", data, "forget.class=1"),
        ("03", data, "model=judge_cnn", "training=judge"),
        ("04", write(tmp_path / "y.npz", (9, 9))),
    )
    for day, *words in runs:
        train(gsu, *words, f"hydra.run.dir=outputs/train/2026-01-{day}/12-00-00")
    typed = gsu("unlearn", *line, "forget.class=1")
    assert typed.code == 1
    assert "Type checkpoint.path=outputs/train/2026-01-01/12-00-00/model.safetensors, the latest here" in typed.err


def test_a_data_set_is_called_as_its_file_is(gsu: Gsu, tmp_path: Path) -> None:
    data = write(tmp_path / "cells.npz", (8, 8))
    typed = gsu("train", "dataset=npz", data, "training.epochs=1", "hydra.run.dir=run")
    assert (typed.code, typed.err) == (0, ""), typed
    assert typed.out.startswith("cells: arrays in ")
    folder = Path(typed.out.rsplit("path=", 1)[1].strip()).parent
    record = json.loads((folder / "record.json").read_text())
    assert record["inputs"]["dataset"]["name"] == record["config"]["dataset"]["name"] == "cells"
    missing = gsu("train", "dataset=npz", "training.epochs=1")
    assert (missing.code, missing.err) == (2, "gsu: `dataset.path` must be given. Type dataset.path=VALUE\n")
