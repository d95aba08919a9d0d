"""dataset=celeba on the command line: trained on, recorded, and refused in one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from celeba_world import Faces, N, has, partition_of
from e2e_world import runs, strays
from gsu_cli.verbs import console

Gsu = Callable[..., Any]
SMALL = ("model=mlp_vae", "model.hidden=[8]", "model.latent_dim=2", "training.epochs=1", "training.batch_size=4")


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    folder = Faces().write(tmp_path / "data" / "celeba", zipped=True)
    return ["dataset=celeba", f"paths.data_dir={folder.parent}", f"dataset.cache_dir={tmp_path}/c", "dataset.size=8"]


def test_training_without_an_attribute(
    gsu: Gsu, data: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, str]] = []

    @contextlib.contextmanager
    def work_bar(what: str) -> Iterator[Callable[[int, int, str], None]]:
        yield lambda done, total, part: seen.append((done, total, part))

    monkeypatch.setattr(console, "work_bar", work_bar)
    typed = gsu("train", *data, *SMALL, "forget.attribute=Male")
    assert (typed.code, typed.err) == (0, "")
    assert seen == [(12, 12, "images")], "the bar of the decoding"
    (run,) = runs(tmp_path)
    dataset = run.record["inputs"]["dataset"]
    assert (dataset["name"], dataset["shape"], dataset["n"]) == ("celeba", [3, 8, 8], {"train": 8, "heldout": 4})
    assert dataset["classes"] == {"0": "face"}
    male = sum(has(i, "Male") for i in range(N) if partition_of(i) == 0)
    assert (run.record["split"]["slug"], run.record["split"]["n_forget"]) == ("attribute_Male", male)
    assert len(run.record["training"]["losses"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["forget.attribute=male"], 2, "Did you mean 'Male'?"),
        (["forget.attribute=Bald"], 2, "attribute Bald, which is 0 images"),
        (["forget.class=0"], 2, "Type forget.attribute=NAME"),
        (["forget.attribute=Male"], 1, "Make one with `gsu train dataset=celeba dataset.data_dir="),
        (["forget.attribute=Male", "paths.data_dir=nowhere"], 1, "mmlab.ie.cuhk.edu.hk/projects/CelebA.html"),
        (["forget.attribute=Male", "dataset.cache_dir=/dev/null"], 1, "another folder with dataset.cache_dir=FOLDER"),
    ],
    ids=str,
)
def test_refusals(gsu: Gsu, data: list[str], tmp_path: Path, words: list[str], code: int, part: str) -> None:
    typed = gsu("unlearn", *data, *words)
    assert typed.code == code, typed
    assert part in typed.err
    assert typed.err.startswith("gsu: ")
    assert "Traceback" not in typed.err
    assert strays(tmp_path) == []
