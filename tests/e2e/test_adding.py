"""What each kind of thing takes: templates of `tests/adding`, copied into a package of one's own and run."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e_world import EVALUATION, Run, World, runs

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "tests/adding"
KINDS = {
    "method": "method",
    "metric": "metric",
    "judge": "judge",
    "data set": "dataset",
    "model": "model",
    "family of models": "family",
}
SHORT = ("training.epochs=2", "training.batch_size=50")
Line = Callable[..., Run]


def files(folder: str) -> list[Path]:
    return sorted(
        path.relative_to(TEMPLATES / folder)
        for path in (TEMPLATES / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )


@pytest.fixture
def line(request: pytest.FixtureRequest, type_line: Callable[..., Any], tmp_path: Path) -> Iterator[Line]:
    """Types lines in a folder that holds one template and nothing else; each line's run."""
    shutil.copytree(TEMPLATES / request.param, tmp_path, dirs_exist_ok=True)
    before, path = set(sys.modules), list(sys.path)

    def run(*words: str) -> Run:
        there = {r.folder for r in runs(tmp_path)}
        typed = type_line(*words, "--config-dir", "conf", cwd=tmp_path)
        assert (typed.code, typed.err) == (0, ""), typed.err
        (made,) = [r for r in runs(tmp_path) if r.folder not in there]
        assert made.record["status"] == "done"
        return made

    yield run
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "lab":
            del sys.modules[name]
    sys.path[:] = path


def measured(run: Run, name: str) -> list[dict[str, Any]]:
    return [m for m in run.record["measurements"] if m["name"] == name]


@pytest.mark.parametrize("line", ["method"], indirect=True)
def test_a_method(line: Line, world: World) -> None:
    plain = line(*world.unlearn("method=fade", "method.amount=0.2", "metric=[feature_ratio]"))
    assert plain.record["update"]["method"] == "fade"
    assert measured(plain, "feature_ratio")
    held = line(*world.unlearn("method=fade", "protocol.budget=0.05", "metric=[feature_ratio]"))
    assert 0 < held.record["update"]["details"]["calibration"]["relative_increase"] <= 0.05


@pytest.mark.parametrize("line", ["metric"], indirect=True)
def test_a_metric(line: Line, world: World, type_line: Callable[..., Any], tmp_path: Path) -> None:
    run = line(*world.unlearn("method=ascent", "metric=[feature_ratio,brightness]"))
    rows = measured(run, "brightness")
    assert {m["subject"] for m in rows} == {"original", "unlearned", "data"}
    assert all(m["low"] < m["value"] < m["high"] and m["role"] == "quality" for m in rows)
    assert "brightness" in (run.folder / "summary.md").read_text(encoding="utf-8")
    table = type_line("report", f"runs={run.folder}", "format=csv", "columns=[brightness]", cwd=tmp_path)
    assert (table.code, table.err) == (0, "")
    (written,) = tmp_path.rglob("table.csv")
    assert "brightness" in written.read_text(encoding="utf-8"), "a report shows what it has never heard of"


@pytest.mark.parametrize("line", ["judge"], indirect=True)
def test_a_judge(line: Line, world: World) -> None:
    words = [w for w in world.unlearn("method=ascent", "metric=[feature_ratio]") if not w.startswith("judge.")]
    run = line(*words, "judge=[nearest_mean]")
    assert {m["judge"] for m in measured(run, "feature_ratio")} == {"nearest_mean"}
    assert all(m["value"] is not None for m in measured(run, "feature_ratio"))
    assert run.record["judges"][0]["trust"]["real"]["value"] > 0.5


@pytest.mark.parametrize("line", ["dataset"], indirect=True)
def test_a_data_set(line: Line) -> None:
    run = line("train", "dataset=squares", "dataset.n=100", "model.hidden=[8]", "model.latent_dim=2", *SHORT)
    assert run.record["inputs"]["dataset"]["n"] == {"train": 100, "heldout": 50}
    weights = f"checkpoint.path={run.folder / 'model.safetensors'}"
    words = ("method=ascent", "judge=[knn]", "metric=[feature_ratio]", *EVALUATION)
    forgot = line("unlearn", "dataset=squares", "dataset.n=100", "forget.class=top right", weights, *words)
    assert forgot.record["split"]["n_forget"] == 25


@pytest.mark.parametrize(
    ("line", "model", "methods"),
    [("model", "tiny_vae", ["fisher_surgery"]), ("family", "straight", ["gradient_surgery", "newton", "salun"])],
    indirect=["line"],
    ids=["model", "family"],
)
def test_a_model_and_a_family(line: Line, world: World, model: str, methods: list[str]) -> None:
    run = line("train", *world.data, f"model={model}", *SHORT)
    assert run.record["config"]["model"]["_target_"].startswith(f"lab.{model}."), "not one of ours"
    weights = f"checkpoint.path={run.folder / 'model.safetensors'}"
    for method in methods:
        more = ["method.steps=2"] if method == "salun" else []
        forgot = line(
            "unlearn", *world.data, weights, "forget.class=1", *world.judged, *EVALUATION, f"method={method}", *more,
            "metric=[feature_ratio,heldout_loss_retain]",
        )  # fmt: skip
        assert forgot.record["update"]["step_norm"] > 0
        assert all(m["value"] is not None for m in measured(forgot, "heldout_loss_retain") if m["subject"] != "data")


@pytest.mark.parametrize("folder", KINDS.values())
def test_no_template_stands_behind_a_config_of_ours(folder: str) -> None:
    """Ours come first: a template of the same name would be copied and never be run."""
    assert [path for path in files(folder) if path.parts[0] == "conf" and (ROOT / path).exists()] == []


def test_the_table_of_the_page_is_what_they_take() -> None:
    """Printed anew by this test where it is wrong: copy it."""
    rows = [
        f"| {kind} | {len(files(folder))} | {', '.join(f'`{path.as_posix()}`' for path in files(folder))} |"
        for kind, folder in KINDS.items()
    ]
    table = "\n".join(["| a new | files | of the template in `tests/adding/` |", "|---|---|---|", *rows])
    assert table in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), table
    assert len(files("metric")) == 2
