"""A method, a metric or a judge of one's own never passes for one that ships: tables file numbers by their names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_world import World, runs
from gsu_cli.metrics.feature_ratio import FeatureRatio
from gsu_cli.run.own_names import is_ours
from gsu_cli.verbs.metric_output import shipped_names

Gsu = Callable[..., Any]
OWN = """
from dataclasses import replace

import torch
from gsu_cli.judges.base import Verdict
from gsu_cli.methods.ascent import Ascent
from gsu_cli.methods.base import Update
from gsu_cli.metrics.base import Kind
from gsu_cli.metrics.feature_ratio import RATIO

class Halfway(Ascent):
    pass

class Later:
    def __call__(self, task):
        return Update("ascent")

class Nameless:
    def __call__(self, task):
        return Update(None)

class Called:
    def __init__(self, name):
        self.name = name

    def __call__(self, task):
        return Update("called")

GLARE = Kind("glare", "glare", role="cost", unit="grey levels")

class Glare:
    def __call__(self, subject, context):
        return [GLARE.of(subject, 1.0, n=3)]

class Ratio:
    def __call__(self, subject, context):
        return [RATIO.of(subject, 0.01, n=60, judge="cnn")]

class Bare:
    def __call__(self, subject, context):
        return [GLARE.of(subject, 1.0)]

SURE = Kind("sure", "sure", role="cost", unit="share")

class Beyond:
    def __call__(self, subject, context):
        return [SURE.of(subject, 1.3, n=3)]

class Crossed:
    def __call__(self, subject, context):
        return [replace(GLARE.of(subject, 1.0, n=3), low=2.0, high=0.5)]

class Elsewhere:
    def __call__(self, subject, context):
        return [replace(GLARE.of(subject, 1.0, n=3), sha256=None)]

class Judge:
    def __init__(self, name="own"):
        self.name = name

    def prepare(self, dataset, *, seed):
        return self

    def __call__(self, pixels):
        n = len(pixels)
        return Verdict(torch.zeros(n, dtype=torch.int64), torch.ones(n), torch.zeros(n, dtype=torch.bool))

    def provenance(self):
        return {"name": self.name}
"""
NEEDS = "of your own needs a name that gsu has not given yet, since tables file numbers by it; found "
METHODS = {
    "Halfway": f"a method {NEEDS}`ascent` of alike.Halfway. Give the class another `name`, such as halfway",
    "Nameless": "`method` of the Update of the method Nameless must be its name; found None. Let it end with",
}
METRICS = {
    ("Ratio", ""): f"a measurement {NEEDS}`feature_ratio` of alike.Ratio. Name it otherwise in its `Kind`.",
    ("Bare", ""): "each number of `metric.mine` must say on how many images it rests; found glare with n = 0. Give n",
    ("Beyond", ""): "must be one that a report can read; found a measurement that cannot be, 'sure' (1.3 share). Let a",
    ("Crossed", ""): "found a measurement that cannot be, 'glare' (1.0 grey levels, 2.0 to 0.5). Let a share lie",
    ("Elsewhere", ""): "`metric.mine` must measure the weights that it is given; found glare of original (sha256 None)",
    ("Glare", "Glare"): "needs a name of its own; found glare of original twice, the second from `metric.other`. Name",
}


@pytest.fixture(autouse=True)
def own(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "alike.py").write_text(OWN, "utf-8")
    yield
    sys.modules.pop("alike", None)


@pytest.mark.parametrize("name", METHODS)
def test_a_method(world: World, gsu: Gsu, tmp_path: Path, name: str) -> None:
    typed = gsu(*world.unlearn(f"method._target_=alike.{name}"))
    assert (typed.code, typed.err.count("\n")) == (2, 1), typed.err
    assert METHODS[name] in typed.err
    assert not runs(tmp_path)


@pytest.mark.parametrize("name", ["null", "../../evil", "7", "'a\nb'", "''"])
def test_a_method_that_is_called_what_no_table_can_file(world: World, gsu: Gsu, tmp_path: Path, name: str) -> None:
    typed = gsu(*world.unlearn("method._target_=alike.Called", f"+method.name={name}"))
    assert (typed.code, typed.err.count("\n")) == (2, 1), typed.err
    assert "the name of a method of your own must be a line of text without slashes, of 80 letters at most" in typed.err
    assert "alike.Called. Give the class another `name`, such as called." in typed.err
    assert not runs(tmp_path)


def test_a_method_that_calls_another_is_filed_under_its_own_name(world: World, gsu: Gsu, tmp_path: Path) -> None:
    typed = gsu(*world.unlearn("method._target_=alike.Later", "metric=[feature_ratio]"))
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    assert run.record["update"]["method"] == "Later"


@pytest.mark.parametrize("names", METRICS)
def test_a_metric(world: World, gsu: Gsu, names: tuple[str, str]) -> None:
    keys = [f"+metric.{key}._target_=alike.{name}" for key, name in zip(("mine", "other"), names, strict=True) if name]
    line = ("evaluate", *world.data, f"checkpoint.path={world.vae}", "metric=[]", "judge=[knn]", *keys)
    typed = gsu(*line, "evaluation.samples=20")
    assert (typed.code, typed.err.count("\n")) == (2, 1), typed.err
    assert METRICS[names] in typed.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("judge=[cnn,knn]", "+judge.old._target_=gsu_cli.judges.cnn.Cnn", "+judge.old.path={path}"),
            "each judge needs a name of its own, since tables file numbers by it; found `cnn` of judge.cnn and of "
            "judge.old. Leave one of them out, for example with ~judge.old, and measure again with the other.",
        ),
        (
            ("judge=[cnn]", "+judge.mine._target_=alike.Judge", "+judge.mine.name=knn"),
            f"a judge {NEEDS}`knn` of alike.Judge. Give the class another `name`, such as judge.",
        ),
    ],
)
def test_a_judge(world: World, gsu: Gsu, words: tuple[str, ...], said: str) -> None:
    path = world.judge.folder / "model.safetensors"
    line = ("evaluate", *world.data, f"checkpoint.path={world.vae}", *world.judged, "evaluation.samples=20")
    typed = gsu(*line, *(word.format(path=path) for word in words))
    assert (typed.code, typed.err.count("\n")) == (2, 1), typed.err
    assert said in typed.err


def test_a_judge_in_the_place_of_one_that_ships_is_called_by_its_class(world: World, gsu: Gsu, tmp_path: Path) -> None:
    line = ("evaluate", *world.data, f"checkpoint.path={world.vae}", "forget.class=1", "metric=[feature_ratio]")
    typed = gsu(
        *line,
        "evaluation.samples=20",
        "judge=[knn]",
        "~judge.knn",
        "+judge.knn._target_=alike.Judge",
        "+judge.knn.name=knn",
    )
    assert (typed.code, typed.err) == (0, ""), typed.err
    assert "feature ratio (Judge)" in typed.out
    (run,) = runs(tmp_path)
    assert [judge["label"] for judge in run.record["judges"]] == ["Judge"]


def test_what_ships() -> None:
    assert {"feature_ratio", "heldout_loss_retain", "nll_bound_forget", "fid"} <= shipped_names()
    assert is_ours(FeatureRatio())
    assert is_ours(is_ours)
    assert not is_ours(Path())
