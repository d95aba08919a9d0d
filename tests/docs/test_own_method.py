"""The methods of docs/own-method.md, from the text of the page: alone, in the catalogue and at equal cost."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_world import EVALUATION, Run, write_world

TEXT = (Path(__file__).parents[2] / "docs/own-method.md").read_text(encoding="utf-8")
NAMES = ("my_method", "my_step")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, type_line: Callable[..., Any]) -> Iterator[Callable[..., Run]]:
    """Types a line beside the files of the page and gives back the run it left."""
    folder = tmp_path_factory.mktemp("method")
    for name in NAMES:
        (text,) = re.findall(rf"```python\n(# {name}\.py\n.*?)```", TEXT, re.DOTALL)
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (yaml,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (folder / "mine/method").mkdir(parents=True)
    (folder / "mine/method/halfway.yaml").write_text(yaml, encoding="utf-8")
    write_world(folder / "data")

    def run(verb: str, name: str, *words: str) -> Run:
        data = ("dataset=idx", "dataset.name=strokes", "dataset.path=data", f"hydra.run.dir={name}")
        typed = type_line(verb, *data, *words, cwd=folder)
        assert (typed.code, typed.err) == (0, ""), typed
        return Run(folder / name)

    run("train", "vae", "model.hidden=[16]", "model.latent_dim=2", "training.epochs=3")
    yield run
    for name in NAMES:
        sys.modules.pop(name, None)
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("halfway", ("method._target_=my_method.Halfway", "method.lr=1e-3")),
        ("halfway", ("--config-dir", "mine", "method=halfway")),
        ("my_step", ("method._target_=my_step.MyStep", "protocol.budget=0.01")),
        (
            "halfway",
            (
                "method._target_=my_method.Halfway",
                "protocol.budget=0.01",
                *["protocol.strength=lr", "protocol.low=1e-4", "protocol.high=1"],
            ),
        ),
    ],
    ids=["class", "yaml", "strength", "strength-typed"],
)
def test_a_method_of_the_page_runs(line: Callable[..., Run], name: str, words: tuple[str, ...]) -> None:
    run = line("unlearn", f"run-{len(words)}-{name}", "forget.class=1", "checkpoint.path=vae/model.safetensors",
               "metric=[feature_ratio]", *EVALUATION, *words)  # fmt: skip
    assert run.record["update"]["method"] == name
