"""Mistakes in a method, a metric or a judge of one's own are one sentence that names the place, not a defect of gsu."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from e2e_world import World, runs
from gsu_cli.cli.own_line import own_line
from gsu_cli.models.vae.mlp_vae import MlpVae

Gsu = Callable[..., Any]
OWN = """
import torch
from gsu_cli.methods.base import Update
from gsu_cli.metrics.base import Kind

GLARE = Kind("glare", "glare", role="cost", unit="grey levels")

class Method:
    name = "own"

class ReturnsNothing(Method):
    def __call__(self, task):
        pass

class Tensors(Method):
    def __call__(self, task):
        return Update(self.name, details={"norm": torch.zeros(3)})

class OtherLayer(Method):
    def __call__(self, task):
        task.model.decoder = torch.nn.Linear(3, 3)
        return Update(self.name)

class Raises(Method):
    def __call__(self, task):
        raise ValueError("boom")

class Notes(Method):
    def __call__(self, task):
        seen = ["encoder", "class_level", "sample_bound", "own_drift", "calibration", "target", "shots", "images"]
        return Update(self.name, details={"budget_spent": [1], "finish": 3} | dict.fromkeys(seen, "as it was"))

class Realised(Method):
    def __call__(self, task):
        return Update(self.name, realised={"retain": torch.zeros(())})

class Details(Method):
    def __call__(self, task):
        return Update(self.name, details=None)

class One:
    def __call__(self, subject, context):
        return GLARE.mean(subject, subject.pixels.flatten(1).double().mean(1))

class Nan:
    def __call__(self, subject, context):
        return [GLARE.of(subject, float("nan"), None, None, 3)]

class Paints:
    def __call__(self, subject, context):
        subject.pixels.zero_()
        return [GLARE.mean(subject, subject.pixels.flatten(1).double().mean(1))]

class Pixels:
    def __call__(self, subject, context):
        return [GLARE.mean(subject, subject.pixels.flatten(1).double())]

class Judge:
    name = "mine"

    def prepare(self, dataset, *, seed):
        return self

    def provenance(self):
        return {"name": self.name}

    def __call__(self, pixels):
        return pixels.flatten(1).sum(1)

class Half(Method):
    def __call__(self, task):
        task.model.half()
        return Update(self.name)

class Default(Method):
    def __call__(self, task):
        torch.set_default_dtype(torch.float64)
        return Update(self.name)

class Exits(Method):
    def __call__(self, task):
        raise SystemExit(0)

class Needs(Method):
    needs = ("HasLoss",)

    def __call__(self, task):
        return Update(self.name)

class Alone(Method):
    def __call__(self):
        return Update(self.name)
"""
METHODS = {
    "ReturnsNothing": (2, "the method ReturnsNothing must return an `Update`; found nothing. Let it end with"),
    "Tensors": (2, "must hold plain numbers, words, lists and dicts; found Object of type Tensor is not JSON"),
    "OtherLayer": (2, "must leave names, shapes and types of the model's parameters as they are; found decoder."),
    "Half": (2, "must leave names, shapes and types of the model's parameters as they are; found encoder."),
    "Default": (2, "must leave torch's own settings as they are; found torch.set_default_dtype(torch.float64). Use"),
    "Needs": (
        2,
        "`needs` of the method Needs must be a tuple of classes of gsu_cli.models.protocols; found ('HasLoss',).",
    ),
    "Exits": (1, "code that a run calls must not end the process; found sys.exit(0), from own.py. Let it raise"),
    "Alone": (1, "found TypeError: Alone.__call__() takes 1 positional argument but 2 were given, from own.py, line "),
    "Raises": (1, "a class of your own must run without an error; found ValueError: boom, from own.py, line 26. With"),
}
METHODS |= {
    "Realised": (
        2,
        "`realised` of the Update of the method Realised must be a dict of numbers; found {'retain': ",
    ),
    "Details": (2, "`details` of the Update of the method Details must be a dict; found None. Use"),
}
METRICS = {
    "One": (2, "`metric.glare` must give a list of measurements; found Measurement. Let it return [...]"),
    "Paints": (2, "`metric.glare` must leave the images as they are; found other pixels of original. Let it work on a"),
    "Pixels": (1, "found ValueError: glare: a mean is of floats, one an image, (n,), not ("),
    "Nan": (1, "found ValueError: glare: a number is finite or null, not nan, from own.py, line 47."),
}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "own.py").write_text(OWN, "utf-8")
    yield
    sys.modules.pop("own", None)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", METHODS)
def test_a_method(world: World, gsu: Gsu, tmp_path: Path, name: str) -> None:
    code, said = METHODS[name]
    typed = gsu(*world.unlearn(f"method._target_=own.{name}"))
    assert (typed.code, typed.err.count("\n")) == (code, 1), typed.err
    assert said in typed.err
    assert [run.record["status"] for run in runs(tmp_path)] == ["failed"] * (code == 1)


@pytest.mark.usefixtures("own")
def test_a_method_may_note_what_it_likes(world: World, gsu: Gsu, tmp_path: Path) -> None:
    """Names of details are free: those that gsu's methods use in another sense ended the run as a defect of gsu."""
    typed = gsu(*world.unlearn("method._target_=own.Notes"))
    assert (typed.code, typed.err) == (0, ""), typed.err
    (run,) = runs(tmp_path)
    assert run.record["update"]["details"]["encoder"] == "as it was"
    assert gsu("report", f"runs={run.folder}", "output=page.html").code == 0
    assert "as it was" in (tmp_path / "page.html").read_text("utf-8")


def test_a_method_that_was_installed(world: World, gsu: Gsu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies beside torch, and is named as what raised; it was called a defect of gsu."""
    (package := tmp_path / "site-packages/fades").mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    (package / "own.py").write_text(OWN, "utf-8")
    monkeypatch.syspath_prepend(package.parent)
    typed = gsu(*world.unlearn("method._target_=fades.own.Raises"))
    for name in ("fades.own", "fades"):
        sys.modules.pop(name, None)
    assert (typed.code, typed.err.count("\n")) == (1, 1), typed.err
    assert "gsu: the installed package fades must run without an error; found ValueError: boom, " in typed.err
    assert "boom, from fades/own.py, line 26. With GSU_FULL_ERROR=1 in front" in typed.err


def test_a_library_that_gsu_needs_is_nobody_elses() -> None:
    with pytest.raises(RuntimeError) as raised:
        MlpVae((1, 4, 4), latent_dim=2, hidden=[4]).decode(torch.zeros(3, 7))
    assert "site-packages/torch/" in str(raised.traceback[-1].path), "Python's frames of torch are on the way"
    assert own_line(raised.value) is None


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", METRICS)
def test_a_metric(world: World, gsu: Gsu, tmp_path: Path, name: str) -> None:
    code, said = METRICS[name]
    typed = gsu(*world.unlearn("method=ascent", "method.lr=0.01", f"+metric.glare._target_=own.{name}"))
    assert (typed.code, typed.err.count("\n")) == (code, 1), typed.err
    assert said in typed.err
    (run,) = runs(tmp_path)
    assert run.record["status"] == "failed", "the weights are kept"


@pytest.mark.usefixtures("own")
def test_a_yaml_without_its_name(world: World, gsu: Gsu, tmp_path: Path) -> None:
    (tmp_path / "mine/metric").mkdir(parents=True)
    (tmp_path / "mine/metric/glare.yaml").write_text("_target_: own.One\n", "utf-8")
    typed = gsu(*world.unlearn("method=ascent"), "--config-dir", "mine", "metric=[feature_ratio,glare]")
    assert typed.code == 2
    assert "must say its name in its first line; found `_target_: own.One` outside of any name. Let it" in typed.err
    assert "Let it begin with `# @package metric.NAME`." in typed.err


@pytest.mark.usefixtures("own")
def test_a_judge(world: World, gsu: Gsu, tmp_path: Path) -> None:
    """It is tried before the work: what it says in another form ended as a defect after it."""
    typed = gsu(*world.unlearn("+judge.mine._target_=own.Judge"))
    assert (typed.code, typed.err.count("\n")) == (2, 1), typed.err
    assert "`judge.mine` must give a `Verdict`, or an `AttributeVerdict` of attributes; found int64 (8,)." in typed.err
    assert runs(tmp_path) == []
