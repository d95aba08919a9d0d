"""``samples.png`` where samples are forgotten: these, and what each model makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import tiny_world
from gsu_cli.evaluation.evaluated_model import EvaluatedModel
from gsu_cli.evaluation.samples import reconstructions
from gsu_cli.judges.base import Verdict
from gsu_cli.verbs import picture
from gsu_cli.verbs.picture import SAMPLES, draw_picture, labelling, samples


def subjects() -> dict[str, EvaluatedModel]:
    model, broken = tiny_world.trained(), tiny_world.trained()
    with torch.no_grad():
        broken.decoder[0].weight.fill_(torch.nan)
    pixels = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    return {
        "original": EvaluatedModel("original", pixels, model),
        "unlearned": EvaluatedModel("unlearned", pixels, broken),
        "retrained": EvaluatedModel("retrained", pixels, tiny_world.trained()),
    }


def test_forgotten_samples_and_their_reconstructions() -> None:
    split = tiny_world.split_of(sample=[7, 2, 90])
    (block,) = samples(split, subjects())
    assert [line.name for line in block.lines] == ["image", "original", "retrained"], "nan has no picture"
    image, original, _ = block.lines
    assert list(image.texts) == ["#2", "#7", "#90"]
    assert torch.equal(image.pixels, split.dataset.train.pixels[[2, 7, 90]])
    assert torch.equal(original.pixels, reconstructions(tiny_world.trained(), split.forget_images))
    assert "3 in all" in block.title


def test_of_many_the_first() -> None:
    (block,) = samples(tiny_world.split_of(sample=list(range(40))), subjects())
    assert len(block.lines[0].pixels) == SAMPLES
    assert "the first 16 training images" in block.title


def test_classes_have_blocks_of_their_own() -> None:
    assert samples(tiny_world.split(), subjects()) == []


def test_without_a_judge_nobody_says_what_samples_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, ...]] = []
    monkeypatch.setattr(picture, "contact_sheet", lambda *sheet, **_: drawn.append(sheet[4]))
    record = SimpleNamespace(transitions={}, outputs={}, split={})
    session: Any = SimpleNamespace(folder=tmp_path, record=record)
    draw_picture(session, tiny_world.split(), subjects())
    assert drawn == [()], "no target, so no heading that none of them shows class 1"
    assert record.outputs["samples"]["judge"] is None


@pytest.mark.parametrize(
    ("first", "what"), [("cnn", "class 1 (upright) by the kNN judge"), ("knn", "class 1 (upright)")]
)
def test_a_judge_that_is_alone_as_the_usual_one_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, what: str
) -> None:
    """Of own data without a CNN judge the picture counted samples and said by nobody."""
    said: list[str] = []
    monkeypatch.setattr(picture, "contact_sheet", lambda *_, **options: said.append(options["what"]))
    monkeypatch.setattr(picture, "rule", lambda _: None)
    judges = [{"name": name} for name in dict.fromkeys([first, "knn"])]
    record = SimpleNamespace(transitions={}, outputs={}, judges=judges, judge_label=lambda _: "kNN")
    seen = Verdict(torch.ones(3, dtype=torch.int64), torch.ones(3), torch.zeros(3, dtype=torch.bool))
    known = {name: replace(subject, verdicts={"knn": seen}) for name, subject in subjects().items()}
    session: Any = SimpleNamespace(folder=tmp_path, record=record)
    draw_picture(session, tiny_world.split(), known)
    assert said == [what]


@pytest.mark.parametrize(
    ("doubts", "judge"),
    [
        ({"cnn": "", "knn": ""}, "cnn"),
        ({"cnn": "sees it in none of the real images", "knn": ""}, "knn"),
        ({"cnn": "is blind", "knn": "is blind"}, "cnn"),
    ],
)
def test_a_judge_that_counts_says_what_samples_show(
    monkeypatch: pytest.MonkeyPatch, doubts: dict[str, str], judge: str
) -> None:
    monkeypatch.setattr(picture, "rule", lambda _: SimpleNamespace(judges=doubts))
    record: Any = SimpleNamespace()
    assert labelling(record, ["cnn", "knn"]) == judge
    assert labelling(record, []) is None
