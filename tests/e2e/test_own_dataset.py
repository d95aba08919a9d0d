"""A data set class of one's own: it needs no choice of a group beside it, and what it returns is checked at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_world import runs

Gsu = Callable[..., Any]
OWN = """
import torch
from gsu_cli.data.base import Dataset, Images

def part(n=30, shape=(1, 8, 8)):
    pixels = (torch.arange(n) % 3 * 80).to(torch.uint8).view(n, 1, 1, 1).expand(n, *shape)
    return Images(pixels, torch.arange(n) % 3)

class Own:
    def __init__(self, shape=(1, 8, 8), **changes):
        self.shape, self.changes = tuple(shape), changes

    def load(self):
        names = dict(enumerate("abc"))
        one = {"name": "own", "train": part(shape=self.shape), "heldout": part(9, self.shape), "class_names": names}
        return Dataset(**{**one, "source": "made here", **{k: CHANGES[v] for k, v in self.changes.items()}})

class Nothing(Own):
    def load(self):
        pass

whole = part()
CHANGES = {
    "list": ["a", "b", "c"], "few": {0: "a", 1: "b"}, "keys": {"0": "a", "1": "b", "2": "c"},
    "same": {0: "a", 1: "a", 2: "c"}, "none": None, "floats": Images(whole.pixels / 255, whole.labels),
    "short": Images(whole.pixels, whole.labels[:-1]), "flat": Images(whole.pixels[:, 0], whole.labels),
    "column": Images(whole.pixels, whole.labels[:, None]), "small": Images(whole.pixels[..., :4], whole.labels),
    "empty": whole[:0], "marks": ("hat",), "marked": Images(whole.pixels, whole.labels, torch.ones(30, 1)),
    "arrays": Images(whole.pixels.numpy(), whole.labels.numpy()),
}
"""
SAID = {
    "class_names=list": "`class_names` that are a dict of whole numbers to text; found ['a', 'b', 'c']",
    "class_names=keys": "`class_names` that are a dict of whole numbers to text; found {'0': 'a'",
    "class_names=same": "`class_names` that differ; found 0 (a), 1 (a), 2 (c)",
    "class_names=few": "`train` with labels that `class_names` names; found 2",
    "name=none": "a `name` that is text; found None",
    "source=none": "a `source` that is text; found None",
    "heldout=none": "Images as `heldout`; found nothing",
    "heldout=small": "images of one shape in both parts; found (1, 8, 8) and (1, 8, 4)",
    "train=empty": "an image to train on; found none",
    "train=floats": "`train` with `pixels` (n, c, h, w) of uint8; found (30, 1, 8, 8) of float32",
    "train=flat": "`train` with `pixels` (n, c, h, w) of uint8; found (30, 8, 8) of uint8",
    "train=arrays": "`train` with `pixels` (n, c, h, w) of uint8; found ndarray",
    "train=short": "`train` with `labels` (30,) of int64; found (29,) of int64",
    "train=column": "`train` with `labels` (30,) of int64; found (30, 1) of int64",
    "train=marked": "`train` with `attribute_names` for its attributes; found none",
    "attribute_names=marks": "`train` with `attributes` (30, 1) of bool, a column for each name; found nothing",
}
TRAIN = ("train", "training.epochs=1", "model=mlp_vae", "model.hidden=[8]")


@pytest.fixture(autouse=True)
def own(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "own_data.py").write_text(OWN, "utf-8")
    yield
    sys.modules.pop("own_data", None)


@pytest.mark.parametrize("change", SAID)
def test_what_it_returns(gsu: Gsu, tmp_path: Path, change: str) -> None:
    typed = gsu(*TRAIN, "dataset._target_=own_data.Own", f"dataset.{change}")
    said = f"gsu: `load` of the data set Own must return {SAID[change]}"
    assert (typed.code, typed.err.count("\n")) == (1, 1), typed.err
    assert typed.err.startswith(said), typed.err
    assert not (tmp_path / "outputs").exists() or [run.record["status"] for run in runs(tmp_path)] == ["failed"]


def test_nothing(gsu: Gsu) -> None:
    typed = gsu(*TRAIN, "dataset._target_=own_data.Nothing")
    assert typed.err.startswith("gsu: `load` of the data set Nothing must return a Dataset; found nothing. See ")


@pytest.mark.parametrize(("shape", "model"), [("[1,8,8]", "MlpVae"), ("[3,8,8]", "ConvVae")])
def test_it_stands_alone_on_a_line(gsu: Gsu, tmp_path: Path, shape: str, model: str) -> None:
    """Hydra could not work out the default model of a data set that is no choice of its group."""
    typed = gsu("train", "dataset._target_=own_data.Own", f"dataset.shape={shape}", "training.epochs=1")
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    assert run.record["outputs"]["model"]["class"] == model
