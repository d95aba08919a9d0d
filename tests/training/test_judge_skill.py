"""A judge that ends blind is told so where it was trained, with the settings that train it longer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gsu_cli.data.base import Images
from gsu_cli.models.classifiers.attribute_cnn import AttributeCnn
from gsu_cli.training.recipe import Recipe
from gsu_cli.verbs.judge_skill import undertrained

LINE = ("train", "dataset=npz", "dataset.path=d.npz", "model=judge_cnn", "training=judge", "training.epochs=2")


def _images(folder: Path, *, tell: bool) -> None:
    """Two classes, dark and bright where ``tell``; else noise, of which nobody can tell the class."""
    rng, labels = np.random.default_rng(0), np.arange(400) % 2
    pixels = rng.integers(0, 100, (400, 16, 16)) + (150 * labels[:, None, None] if tell else 0)
    np.savez(folder / "d.npz", images=pixels.astype("uint8"), labels=labels)


@pytest.mark.parametrize("tell", [False, True])
def test_the_note_is_of_blind_judges_alone(type_line: Callable[..., Any], tmp_path: Path, tell: bool) -> None:
    _images(tmp_path, tell=tell)
    typed = type_line(*LINE, "training.batch_size=16", "hydra.run.dir=j", cwd=tmp_path)
    assert typed.code == 0, typed.err
    notes = " ".join(json.loads((tmp_path / "j" / "record.json").read_text(encoding="utf-8"))["notes"])
    said = "too little to count in a headline. Train it longer, with training.epochs=16 or training.batch_size=2"
    assert (said in notes) is not tell
    assert ("Train it longer" in notes) is not tell


def test_a_judge_of_attributes_names_those_that_it_does_not_tell() -> None:
    pixels = torch.zeros(40, 3, 16, 16, dtype=torch.uint8)
    attributes = torch.arange(40)[:, None] % 2 == torch.tensor([[0, 1]])
    model = AttributeCnn((3, 16, 16), ["hat", "beard"])
    model.eval()
    heldout = Images(pixels, torch.zeros(40, dtype=torch.int64), attributes)
    said = undertrained(model, heldout, Recipe(epochs=3, batch_size=64))
    assert said.startswith("the judge hardly tells who has hat, beard on 40 held-out images")
    assert "training.epochs=24 or training.batch_size=8" in said
    assert undertrained(torch.nn.Linear(1, 1), heldout, Recipe()) == ""
