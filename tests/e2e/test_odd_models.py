"""Every method on every unusual generator ends well or with one sentence, never with a traceback."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_world import EVALUATION, runs, write_world
from gsu_cli.run.configs import conf_dir

METHODS = sorted(p.stem for p in (conf_dir() / "method").glob("*.yaml"))
KINDS = (
    "Plain", "PosteriorAndDecode", "NoDecode", "HalfInside", "Uncopyable", "OldNorm", "TiedDecoder",
)  # fmt: skip
SHORT = {
    "finetune": ["method.epochs=1"], "retrain": [], "moon": ["method.steps=2"], "salun": ["method.steps=2"],
    "selective_amnesia": ["method.steps=2"], "sfr_on": ["method.rounds=1"], "ascent": ["method.lr=1e-5"],
    "torchjd": ["method.steps=2"], "ascent_descent": ["method.steps=2"],
}  # fmt: skip
MUST = {  # what has to work, not merely to be refused
    "Plain": {"gradient_surgery", "ascent_descent"},
    "PosteriorAndDecode": {"gradient_surgery", "ascent"},
    "NoDecode": {"gradient_surgery"},
    "Uncopyable": {"fisher_surgery", "gradient_surgery", "newton", "moon"},
    "OldNorm": {"gradient_surgery"},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, type_line: Callable[..., Any]) -> Callable[[str], list[str]]:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd_models.py").write_text((Path(__file__).parent / "odd_models.py").read_text(encoding="utf-8"))
    write_world(folder / "data")
    made: dict[str, list[str]] = {}

    def of(kind: str) -> list[str]:
        if kind not in made:
            data = ["dataset=idx", "dataset.name=strokes", f"dataset.path={folder / 'data'}"]
            typed = type_line("train", *data, f"model._target_=odd_models.{kind}", "training.epochs=10",
                              "training.batch_size=30", cwd=folder)  # fmt: skip
            assert typed.code == 0, typed.err
            path = runs(folder)[-1].folder / "model.safetensors"
            made[kind] = [*data, f"checkpoint.path={path}", *EVALUATION, "judge=[knn]", "forget.class=1"]
        return made[kind]

    return of


def tried(type_line: Callable[..., Any], world: Callable[[str], list[str]], kind: str, method: str, cwd: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch on its own older weight normalisation
        typed = type_line("unlearn", *world(kind), f"method={method}", *SHORT.get(method, []), cwd=cwd)
    assert "Traceback" not in typed.err, typed.err
    assert typed.code in (0, 1, 2), typed.err
    if method in MUST.get(kind, ()):
        assert typed.code == 0, typed.err


def test_samples_of_another_scale_are_noted(type_line: Callable[..., Any], world: Any, tmp_path: Path) -> None:
    line = ["evaluate", *(word for word in world("Unscaled") if not word.startswith("forget"))]
    typed = type_line(*line, cwd=tmp_path)
    assert typed.code == 0, typed.err
    assert "of what sample() of Unscaled gives lies outside of [0, 1]" in " ".join(typed.out.split())
    assert any("and is clipped" in note for note in runs(tmp_path)[-1].record["notes"])


@pytest.mark.parametrize(
    ("kind", "method"),
    [("Plain", "fisher_surgery"), ("NoDecode", "fisher_surgery"), ("Uncopyable", "newton"), ("OldNorm", "newton")],
)
def test_some_run_or_are_refused(
    type_line: Callable[..., Any], world: Any, kind: str, method: str, tmp_path: Path
) -> None:
    tried(type_line, world, kind, method, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_all_run_or_are_refused_under_every_method(
    type_line: Callable[..., Any], world: Any, kind: str, method: str, tmp_path: Path
) -> None:
    tried(type_line, world, kind, method, tmp_path)


def test_a_posterior_without_anything_that_samples(type_line: Callable[..., Any], world: Any, tmp_path: Path) -> None:
    data = world("Plain")[:3]
    (tmp_path / "odd_models.py").write_text((Path(__file__).parent / "odd_models.py").read_text(encoding="utf-8"))
    typed = type_line("train", *data, "model._target_=odd_models.PosteriorAlone", cwd=tmp_path)
    assert typed.code == 2
    assert "PosteriorAlone has posterior(), so it needs decode(z), or a decoder module and a likelihood" in typed.err
