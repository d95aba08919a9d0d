"""The data set of docs/datasets.md, from the text of the page: as a class and as a choice, trained and unlearned."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_world import EVALUATION, Run

TEXT = (Path(__file__).parents[2] / "docs/datasets.md").read_text(encoding="utf-8")
SMALL = ("dataset.n=200", "dataset.size=8")
CLASS, CHOICE = ("dataset._target_=my_bars.Bars",), ("--config-dir", "mine", "dataset=bars")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, type_line: Callable[..., Any]) -> Iterator[Callable[..., Run]]:
    """Types a line beside the files of the page and gives back the run it left."""
    folder = tmp_path_factory.mktemp("bars")
    (text,) = re.findall(r"```python\n(# my_bars\.py\n.*?)```", TEXT, re.DOTALL)
    (folder / "my_bars.py").write_text(text, encoding="utf-8")
    (yaml,) = re.findall(r"```yaml\n(# gsu train dataset=bars\n.*?)```", TEXT, re.DOTALL)
    (folder / "mine/dataset").mkdir(parents=True)
    (folder / "mine/dataset/bars.yaml").write_text(yaml, encoding="utf-8")

    def run(verb: str, name: str, *words: str) -> Run:
        typed = type_line(verb, *words, *SMALL, f"hydra.run.dir={name}", cwd=folder)
        assert (typed.code, typed.err) == (0, ""), typed
        return Run(folder / name)

    run("train", "vae", *CLASS, "model.hidden=[16]", "model.latent_dim=2", "training.epochs=5")
    yield run
    sys.modules.pop("my_bars", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]


@pytest.mark.parametrize("chosen", [CLASS, CHOICE], ids=["class", "yaml"])
def test_it_forgets_a_class_by_name(line: Callable[..., Run], chosen: tuple[str, ...]) -> None:
    words = (*chosen, "forget.class=lying", "checkpoint.path=vae/model.safetensors", *EVALUATION)
    record = line("unlearn", f"gone_{len(chosen)}", *words).record
    assert record["inputs"]["dataset"]["name"] == "bars"
    assert record["split"]["n_forget"] == 100
    assert not [note for note in record["notes"] if "other data" in note]
    (cnn,) = [judge for judge in record["judges"] if judge["name"] == "cnn"]
    proposed = cnn["unavailable"].partition("training=judge ")[2].partition("`")[0]
    assert proposed == "dataset._target_=my_bars.Bars dataset.n=200 dataset.size=8"


def test_bars_are_upright_and_lying(line: Callable[..., Run]) -> None:
    from my_bars import Bars  # type: ignore[import-not-found]

    loaded = Bars(n=40, size=8).load()
    for pixels, label in zip(loaded.train.pixels[:, 0].double(), loaded.train.labels.tolist(), strict=True):
        rows, columns = pixels.mean(1).std(), pixels.mean(0).std()
        assert loaded.class_names[label] == ("lying" if rows > columns else "upright")
