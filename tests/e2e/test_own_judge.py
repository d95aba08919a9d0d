"""Classifiers of one's own as judges, and the lines that messages propose where a judge is missing."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

import gsu_cli.judges.cnn
from celeba_world import Faces
from e2e_world import SIZE, Run, runs, strokes, write_world

CLASS = """
from torch import nn

class Net(nn.Module):
    def __init__(self, shape, num_classes, width=8):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(shape[0], width, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(width * 25, 16))
        self.head = nn.Linear(16, num_classes)

    def forward(self, x):
        return self.head(self.body(x))

class Ten(Net):
    def __init__(self, shape):
        super().__init__(shape, 10)

class Two(Net):
    def __init__(self, shape):
        super().__init__(shape, 2)

class Images(Net):
    def forward(self, x):
        return x

class Softmax(Net):
    def forward(self, x):
        return super().forward(x).softmax(1)

class Sigmoid(Net):
    def forward(self, x):
        return super().forward(x).sigmoid()

class Nan(Net):
    def forward(self, x):
        return super().forward(x) / 0 * 0
"""
MEAN, STD = 0.2, 0.3
LINE = ("judge.cnn._target_=my_net.Net", "judge.cnn.path=net.pt", f"judge.cnn.mean={MEAN}", f"judge.cnn.std={STD}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, type_line: Callable[..., Any]) -> Iterator[Path]:
    """A data set, a VAE, and a classifier trained by plain torch on standardised images."""
    folder = tmp_path_factory.mktemp("judge")
    write_world(folder / "data")
    (folder / "my_net.py").write_text(CLASS, encoding="utf-8")
    typed = type_line("train", *data(folder), "model.hidden=[16]", "training.epochs=4", cwd=folder)
    assert typed.code == 0, typed.err
    sys.path.insert(0, str(folder))
    import my_net

    torch.manual_seed(0)
    net: nn.Module = my_net.Net((1, SIZE, SIZE), 3)
    x, y = strokes(180, 1)
    x = ((x.float() / 255)[:, None] - MEAN) / STD
    net(x)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(net(x), y.long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.save({"state_dict": {f"module.{k}": v for k, v in net.state_dict().items()}, "epoch": 60}, folder / "net.pt")
    yield folder
    sys.modules.pop("my_net", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]


def data(folder: Path) -> tuple[str, ...]:
    return ("dataset=idx", "dataset.name=strokes", f"dataset.path={folder / 'data'}")


def latest(place: Path) -> Run:
    return max(runs(place), key=lambda run: (run.folder / "record.json").stat().st_mtime_ns)


def evaluated(place: Path, type_line: Callable[..., Any], *words: str, code: int = 0) -> Any:
    vae = next(iter((place / "outputs" / "train").rglob("model.safetensors")))
    line = (*data(place), f"checkpoint.path={vae}", "forget.class=1", "evaluation.samples=60", "judge=[cnn]")
    typed = type_line("evaluate", *line, *words, cwd=place)
    assert typed.code == code, typed.err
    return typed.err if code else latest(place)


def test_a_classifier_judges_with_its_normalisation_and_a_trust_report(
    place: Path, type_line: Callable[..., Any]
) -> None:
    run: Run = evaluated(place, type_line, *LINE)
    (judge,) = run.record["judges"]
    assert judge["class"] == "my_net.Net"
    assert (judge["mean"], judge["std"]) == ([MEAN], [STD])
    assert judge["trust"]["real"]["value"] > 0.9
    summary = (run.folder / "summary.md").read_text(encoding="utf-8")
    assert "judge Net is right on" in summary  # it stands in the place of one that ships, and is not called so
    assert "judge cnn is right on" not in summary
    found = {m["name"] for m in run.record["measurements"] if m["judge"] == "cnn" and m["value"] is not None}
    assert {"feature_ratio", "frechet_distance"} <= found
    again: Run = type_and_take(place, type_line, f"run={run.folder}")
    kept = ("name", "subject", "value")
    assert [[m[k] for k in kept] for m in again.record["measurements"]] == [
        [m[k] for k in kept] for m in run.record["measurements"]
    ]


def type_and_take(place: Path, type_line: Callable[..., Any], *words: str) -> Run:
    typed = type_line("evaluate", *words, cwd=place)
    assert typed.code == 0, typed.err
    return latest(place)


def test_without_its_normalisation_the_trust_report_says_so(place: Path, type_line: Callable[..., Any]) -> None:
    run: Run = evaluated(place, type_line, *LINE[:2], "judge.cnn.mean=-5", "judge.cnn.std=0.01")
    assert run.record["judges"][0]["trust"]["real"]["value"] < 0.9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((LINE[0],), "needs its weights in `judge.cnn.path`"),
        ((LINE[0], "judge.cnn.path=gone.pt"), "`judge.cnn.path` must be an existing file"),
        ((*LINE[:2], "judge.cnn.width=9"), "of another shape"),
        ((*LINE[:2], "judge.cnn.depth=9"), "depth"),
        ((*LINE[:2], "judge.cnn.mean=[0.1,0.2]"), "one number, or one for each of 1 channels"),
        ((*LINE[:2], "judge.cnn.std=0"), "must be a number > 0"),
        ((*LINE[:2], "judge.cnn.threshold=2"), "must lie in [0, 1]"),
        ((*LINE[:2], "judge.cnn.labels=[0,1,7]"), "which lacks 2"),
        ((*LINE[:2], "judge.cnn.labels=[0,1]"), "what the 3 outputs of a classifier stand for"),
        (("judge.cnn._target_=my_net.Images", "judge.cnn.path=net.pt"), "must give logits, (n, classes)"),
        (
            ("judge.cnn._target_=my_net.Nan", "judge.cnn.path=net.pt"),
            "the logits of a classifier must be finite; found",
        ),
        (
            ("judge.cnn._target_=my_net.Softmax", "judge.cnn.path=net.pt"),
            "must give logits; found numbers within 0 and 1",
        ),
        (
            ("judge.cnn._target_=my_net.Sigmoid", *LINE[1:]),
            "that fit the images better as they are than as logits: probabilities. Let it return what goes into its",
        ),
        (("judge.cnn._target_=my_net.Nett", "judge.cnn.path=net.pt"), "Did you mean 'Net'?"),
        (("judge.cnn.path=net.pt",), "judge.cnn._target_"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    place: Path, type_line: Callable[..., Any], words: tuple[str, ...], said: str
) -> None:
    code = 1 if any(part in said for part in ("existing", "another shape", "lacks", "_target_", "finite")) else 2
    message = evaluated(place, type_line, *words, code=code)
    assert said in message
    assert message.count("\n") == 1
    assert "Traceback" not in message


FOLDERS = ("a b", "c")


def world(name: str, folder: Path) -> list[str]:
    """Words of a tiny data set of each kind."""
    if name == "idx":
        write_world(folder / "my data")
        return ["dataset=idx", "dataset.name=strokes", f'dataset.path="{folder / "my data"}"']
    if name == "folder":
        for k, sub in enumerate(FOLDERS):
            (folder / "pets" / sub).mkdir(parents=True)
            for i in range(8):
                Image.new("RGB", (16, 16), (40 * k, 10 * i, 90)).save(folder / "pets" / sub / f"{i}.png")
        return ["dataset=folder", "dataset.name=pets", f"dataset.path={folder / 'pets'}", "dataset.size=8"]
    if name == "celeba":
        made = Faces().write(folder / "data" / "celeba", zipped=True)
        return ["dataset=celeba", f"paths.data_dir={made.parent}", f"dataset.cache_dir={folder}/c", "dataset.size=16"]
    if name == "avatars":
        return ["dataset=avatars", "dataset.n=64", f"dataset.cache_dir={folder}/c"]
    return ["dataset=mnist", "dataset.download=false", "dataset.classes=[1,3]"]


@pytest.mark.parametrize(
    "name", ["idx", *(pytest.param(n, marks=pytest.mark.slow) for n in ("folder", "celeba", "avatars", "mnist"))]
)
def test_the_proposed_line_runs_as_printed(
    name: str, tmp_path: Path, type_line: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gsu_cli.judges.cnn, "shipped", lambda *_: None)
    words = world(name, tmp_path)
    forget = (
        "forget.attribute=Male"
        if name == "celeba"
        else "forget.attribute=glasses"
        if name == "avatars"
        else "forget.class=1"
    )
    trained = type_line("train", *words, "model=mlp_vae", "model.hidden=[8]", "training.epochs=1", cwd=tmp_path)
    assert trained.code == 0, trained.err
    vae = latest(tmp_path).folder / "model.safetensors"
    typed = type_line("evaluate", *words, forget, f"checkpoint.path={vae}", "evaluation.samples=10", "judge=[cnn]",
                      cwd=tmp_path)  # fmt: skip
    assert typed.code == 0, typed.err
    (line,) = set(re.findall(r"train one with `gsu (train [^`]*)`", typed.out))
    typed = type_line(*shlex.split(line), "training.epochs=1", cwd=tmp_path)
    assert typed.code == 0, typed.err
    judge = latest(tmp_path).folder / "model.safetensors"
    typed = type_line("evaluate", *words, forget, f"checkpoint.path={vae}", "evaluation.samples=10", "judge=[cnn]",
                      f"judge.cnn.path={judge}", cwd=tmp_path)  # fmt: skip
    assert typed.code == 0, typed.err
    assert "trust" in latest(tmp_path).record["judges"][0]
